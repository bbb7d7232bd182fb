"""Batches: each change is judged after those before it, and concurrent batches never deadlock."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from engine.store.account_scope import AgentScope
from engine.sync.change import Change, SyncLimits
from engine.sync.push import PushResult, push_changes
from tests.support.sync.records import read_page, refusal, write

pytestmark = pytest.mark.stack


SESSIONS = sessionmaker[Session]


def change(entity: str, clock: dict[str, int], data: str = "data") -> Change:
    return Change("settings", entity, data, "v", clock)


def write_all(
    sessions: SESSIONS, account_id: UUID, agent_id: str, *changes: Change
) -> list[PushResult]:
    with sessions() as session:
        scope = AgentScope(session, account_id, datetime.now(UTC), agent_id)
        results = push_changes(scope, changes, SyncLimits())
        session.commit()
    return results


def states(sessions: SESSIONS, account_id: UUID) -> list[tuple[str, str]]:
    with sessions() as session:
        page = read_page(session, account_id)
    return [(state["entityId"], state["encryptedData"]) for state in page.states]


def test_each_change_is_answered_at_its_place(sessions: SESSIONS, account_id: UUID) -> None:
    write(sessions, account_id, "a", {"a": 2}, entity="stale", data="current")
    results = write_all(
        sessions,
        account_id,
        "a",
        change("one", {"a": 3}),
        change("stale", {"a": 1}),
        change("one", {"a": 3}),
        change("two", {"a": 200_000}),
        change("two", {"a": 4}, data=2_000_000 * "x"),
        change("three", {"a": 4}),
    )
    assert [result.is_accepted for result in results] == [True, False, True, False, False, True]
    codes = [refusal(result).code for result in results if not result.is_accepted]
    assert codes == ["stale", "clock_jump", "state_too_large"]
    assert refusal(results[1]).extra["current"]["encryptedData"] == "current"
    assert states(sessions, account_id) == [
        ("stale", "current"),
        ("one", "data"),
        ("three", "data"),
    ]


def test_a_change_is_judged_after_the_ones_before_it(sessions: SESSIONS, account_id: UUID) -> None:
    results = write_all(
        sessions,
        account_id,
        "a",
        change("one", {"a": 1}, "first"),
        change("one", {"a": 2}, "second"),
        change("one", {"a": 1}, "first"),
        change("one", {"b": 1}, "beside"),
        change("one", {"a": 3, "b": 1}, "merged"),
    )
    assert [result.is_accepted for result in results] == [True, True, False, False, True]
    assert [refusal(results[2]).code, refusal(results[3]).code] == ["stale", "conflict"]
    assert refusal(results[2]).extra["current"]["encryptedData"] == "merged", (
        "what is true once it is told"
    )
    assert states(sessions, account_id) == [("one", "merged")]


def test_a_sibling_that_is_left_after_a_batch_is_told(sessions: SESSIONS, account_id: UUID) -> None:
    write_all(
        sessions,
        account_id,
        "a",
        change("one", {"a": 1}, "current"),
        change("one", {"b": 1}, "beside"),
    )
    with sessions() as session:
        (state,) = read_page(session, account_id).states
    assert [one["encryptedData"] for one in state["siblings"]] == ["beside"]


def test_what_is_rolled_back_leaves_nothing(sessions: SESSIONS, account_id: UUID) -> None:
    write(sessions, account_id, "a", {"a": 1}, data="current")
    with sessions() as session:
        changes = [change("new", {"b": 1}), change("theme", {"b": 2}, "beside")]
        scope = AgentScope(session, account_id, datetime.now(UTC), "b")
        results = push_changes(scope, changes, SyncLimits())
        assert [result.is_accepted for result in results] == [True, False]
        session.rollback()
    with sessions() as session:
        (state,) = read_page(session, account_id).states
    assert (state["encryptedData"], state["siblings"]) == ("current", [])


def test_batches_that_race_for_the_same_entities_wait_in_one_order(
    sessions: SESSIONS, account_id: UUID
) -> None:
    names, rounds = [f"e{number}" for number in range(4)], list(permutations(range(4)))
    orders = [[[names[place] for place in turn] for turn in rounds[agent::4]] for agent in range(4)]

    def work(agent: int) -> int:
        me, accepted = f"w{agent}", 0
        for number, order in enumerate(orders[agent]):
            if number % 3 == 0:
                results = [write(sessions, account_id, me, {me: number + 1}, entity=order[0])]
            else:
                changes = [change(name, {me: number + 1}) for name in order]
                results = write_all(sessions, account_id, me, *changes)
            accepted += sum(result.is_accepted for result in results)
            assert {refusal(result).code for result in results if not result.is_accepted} <= {
                "conflict",
                "stale",
            }
        return accepted

    with ThreadPoolExecutor(4) as pool:
        accepted = sum(pool.map(work, range(4)))
    assert accepted >= len(names), "each entity had a first writer"
