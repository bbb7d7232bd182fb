"""The quota: everything that sync stores counts, and what makes room is always accepted."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from engine.errors import ForbiddenError
from engine.store.account_scope import AccountScope, AgentScope
from engine.sync import usage, verification
from engine.sync.change import Change, SyncLimits
from engine.sync.push import PushResult, push_changes
from tests.support.sync.records import refusal
from tests.support.sync.tombstones import LONG_AFTER, bury

pytestmark = pytest.mark.stack

SESSIONS = sessionmaker[Session]
WIDE = {f"{'x' * 100}-{number}": 2**53 - 1 for number in range(63)}


def push(
    sessions: SESSIONS, account_id: UUID, *changes: Change, quota_bytes: int, agent_id: str = "a"
) -> list[PushResult]:
    with sessions() as session:
        scope = AgentScope(session, account_id, datetime.now(UTC), agent_id)
        results = push_changes(scope, changes, SyncLimits(quota_bytes=quota_bytes))
        session.commit()
    return results


def state(count: int, data: str = "", *, entity: str = "one", deleted: bool = False) -> Change:
    return Change("settings", entity, data, "v", {"a": count}, deleted=deleted)


def stored(sessions: SESSIONS, account_id: UUID) -> int:
    """Return the bytes that the account's head counts, which are those of its rows."""
    with sessions() as session:
        scope = AccountScope(session, account_id, datetime.now(UTC))
        counted = usage.measure_usage(scope, SyncLimits())["storedBytes"]
        assert list(verification.find_contradictions(session, account_id)) == []
        assert counted == usage.measure_rows(session, account_id)
    return counted


def test_states_without_data_count_their_clocks_on_the_chain_too(
    sessions: SESSIONS, account_id: UUID
) -> None:
    clock_bytes = len(json.dumps(WIDE))
    changes = [Change("settings", f"{number}", "", "v", WIDE) for number in range(12)]
    results = push(sessions, account_id, *changes, quota_bytes=20 * clock_bytes)
    refused = [result.refusal for result in results if result.refusal is not None]
    assert {type(one) for one in refused} == {ForbiddenError}
    accepted = len(results) - len(refused)
    assert 8 <= accepted <= 9
    assert 2 * accepted * clock_bytes < stored(sessions, account_id) <= 20 * clock_bytes


def test_the_count_is_that_of_the_rows_after_everything_that_changes_them(
    sessions: SESSIONS, account_id: UUID
) -> None:
    quota_bytes = 10**6
    for count in range(1, 26):
        push(sessions, account_id, state(count, count * "é"), quota_bytes=quota_bytes)
    for number in range(3):
        late = Change("settings", "one", "beside", "v", {f"b{number}": 1})
        push(sessions, account_id, late, quota_bytes=quota_bytes, agent_id=f"b{number}")
    push(sessions, account_id, state(26, "x", entity="two"), quota_bytes=quota_bytes)
    with_siblings = stored(sessions, account_id)
    merge = Change("settings", "one", "", "v", {"a": 27, "b0": 1, "b1": 1, "b2": 1}, deleted=True)
    push(sessions, account_id, merge, quota_bytes=quota_bytes)
    assert stored(sessions, account_id) < with_siblings
    deletion = state(28, entity="two", deleted=True)
    push(sessions, account_id, deletion, state(29, "y", entity="two"), quota_bytes=quota_bytes)
    before = stored(sessions, account_id)
    bury(sessions, LONG_AFTER)
    assert stored(sessions, account_id) < before


def test_a_full_account_gives_up_past_versions_and_accepts_deletions(
    sessions: SESSIONS, account_id: UUID
) -> None:
    quota_bytes = 8000
    for count in range(1, 4):
        push(sessions, account_id, state(count, 1000 * "x"), quota_bytes=quota_bytes)
    (other,) = push(
        sessions, account_id, state(4, 1500 * "x", entity="two"), quota_bytes=quota_bytes
    )
    assert other.is_accepted
    (update,) = push(sessions, account_id, state(5, 1000 * "y"), quota_bytes=quota_bytes)
    assert update.is_accepted, "the past versions of the entity make room"
    (grown,) = push(sessions, account_id, state(6, 9000 * "y"), quota_bytes=quota_bytes)
    assert refusal(grown).code == "quota_exceeded"
    full = stored(sessions, account_id)
    (deletion,) = push(sessions, account_id, state(7, deleted=True), quota_bytes=full)
    assert deletion.is_accepted
    assert stored(sessions, account_id) < full - 700
    (again,) = push(sessions, account_id, state(8, 100 * "z"), quota_bytes=full)
    assert again.is_accepted


def test_a_deletion_of_an_empty_state_finds_room_beyond_the_quota(
    sessions: SESSIONS, account_id: UUID
) -> None:
    states = [state(number + 1, entity=f"{number}") for number in range(40)]
    push(sessions, account_id, *states, quota_bytes=10**6)
    full = stored(sessions, account_id)
    (write,) = push(sessions, account_id, state(50, entity="0"), quota_bytes=full)
    assert refusal(write).code == "quota_exceeded"
    (deletion,) = push(sessions, account_id, state(51, entity="0", deleted=True), quota_bytes=full)
    assert deletion.is_accepted
    assert full < stored(sessions, account_id) <= full * 17 / 16


def test_a_batch_that_fills_the_account_with_a_sibling_and_a_deletion_ends(
    sessions: SESSIONS, account_id: UUID
) -> None:
    states = [state(number + 3, entity=f"{number}") for number in range(40)]
    push(sessions, account_id, state(1), state(2, entity="two"), *states, quota_bytes=10**6)
    late = Change("settings", "one", 100 * "x", "v", {"b": 1})
    deletion = Change("settings", "two", "", "v", {"a": 2, "b": 2}, deleted=True)
    limit = stored(sessions, account_id) + 400
    results = push(sessions, account_id, late, deletion, quota_bytes=limit, agent_id="b")
    assert refusal(results[0]).code == "conflict"
    assert results[1].is_accepted
    assert limit < stored(sessions, account_id) <= limit * 17 / 16


def test_a_full_account_stores_no_sibling(sessions: SESSIONS, account_id: UUID) -> None:
    push(sessions, account_id, state(1, "x"), quota_bytes=10**6)
    full = stored(sessions, account_id)
    late = Change("settings", "one", "y", "v", {"b": 1})
    (refused,) = push(sessions, account_id, late, quota_bytes=full, agent_id="b")
    assert (refusal(refused).code, refusal(refused).extra["siblings"]) == ("conflict", [])
    assert stored(sessions, account_id) == full


@pytest.mark.parametrize("kind", ["states", "siblings"])
def test_simultaneous_pushes_do_not_exceed_the_quota(
    sessions: SESSIONS, account_id: UUID, kind: str
) -> None:
    push(sessions, account_id, state(1), quota_bytes=10**6)
    quota_bytes = stored(sessions, account_id) + 4000

    def write(number: int) -> bool:
        entity = f"entity-{number}" if kind == "states" else "one"
        agent_id = f"b{number}"
        change = Change("settings", entity, 500 * "x", "v", {agent_id: 1})
        (result,) = push(sessions, account_id, change, quota_bytes=quota_bytes, agent_id=agent_id)
        return result.is_accepted

    with ThreadPoolExecutor(8) as threads:
        accepted = list(threads.map(write, range(16)))
    assert any(accepted) == (kind == "states")
    assert quota_bytes - 2000 < stored(sessions, account_id) <= quota_bytes
