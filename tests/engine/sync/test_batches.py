"""Batches of changes: each change is judged after those before it, and writers do not deadlock."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from engine.sync import batch, pull
from engine.sync.change import Change
from engine.sync.push import Push
from tests.support.sync.records import refusal, write

pytestmark = pytest.mark.stack


SESSIONS = sessionmaker[Session]


def change(entity: str, clock: dict[str, int], data: str = "data") -> Change:
    return Change("settings", entity, data, "v", clock)


def write_all(sessions: SESSIONS, account_id: UUID, agent_id: str, *changes: Change) -> list[Push]:
    with sessions() as session:
        pushes = batch.push_all(
            session,
            account_id=account_id,
            agent_id=agent_id,
            changes=changes,
            now=datetime.now(UTC),
        )
        session.commit()
    return pushes


def states(sessions: SESSIONS, account_id: UUID) -> list[tuple[str, str]]:
    with sessions() as session:
        found = pull.pull(session, account_id=account_id).states
    return [(state["entityId"], state["encryptedData"]) for state in found]


def test_each_change_is_answered_at_its_place(sessions: SESSIONS, account_id: UUID) -> None:
    write(sessions, account_id, "a", {"a": 2}, entity="stale", data="current")
    pushes = write_all(
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
    assert [push.accepted for push in pushes] == [True, False, True, False, False, True]
    codes = [refusal(push).code for push in pushes if not push.accepted]
    assert codes == ["stale", "clock_jump", "state_too_large"]
    assert refusal(pushes[1]).extra["current"]["encryptedData"] == "current"
    assert states(sessions, account_id) == [
        ("stale", "current"),
        ("one", "data"),
        ("three", "data"),
    ]


def test_a_change_is_judged_after_the_ones_before_it(sessions: SESSIONS, account_id: UUID) -> None:
    pushes = write_all(
        sessions,
        account_id,
        "a",
        change("one", {"a": 1}, "first"),
        change("one", {"a": 2}, "second"),
        change("one", {"a": 1}, "first"),
        change("one", {"b": 1}, "beside"),
        change("one", {"a": 3, "b": 1}, "merged"),
    )
    assert [push.accepted for push in pushes] == [True, True, False, False, True]
    assert [refusal(pushes[2]).code, refusal(pushes[3]).code] == ["stale", "conflict"]
    assert refusal(pushes[2]).extra["current"]["encryptedData"] == "merged", (
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
        (state,) = pull.pull(session, account_id=account_id).states
    assert [one["encryptedData"] for one in state["siblings"]] == ["beside"]


def test_what_is_rolled_back_leaves_nothing(sessions: SESSIONS, account_id: UUID) -> None:
    write(sessions, account_id, "a", {"a": 1}, data="current")
    with sessions() as session:
        changes = [change("new", {"b": 1}), change("theme", {"b": 2}, "beside")]
        pushes = batch.push_all(
            session, account_id=account_id, agent_id="b", changes=changes, now=datetime.now(UTC)
        )
        assert [push.accepted for push in pushes] == [True, False]
        session.rollback()
    with sessions() as session:
        (state,) = pull.pull(session, account_id=account_id).states
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
                pushes = [write(sessions, account_id, me, {me: number + 1}, entity=order[0])]
            else:
                changes = [change(name, {me: number + 1}) for name in order]
                pushes = write_all(sessions, account_id, me, *changes)
            accepted += sum(push.accepted for push in pushes)
            assert {refusal(push).code for push in pushes if not push.accepted} <= {
                "conflict",
                "stale",
            }
        return accepted

    with ThreadPoolExecutor(4) as pool:
        accepted = sum(pool.map(work, range(4)))
    assert accepted >= len(names), "each entity had a first writer"
