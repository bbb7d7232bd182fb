"""Tombstones: pulled like any change, and deleted after 90 days once every agent has them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from engine.contracts import timestamps
from engine.errors import GoneError
from engine.store.accounts import Agent
from engine.store.sync import SyncSibling, SyncState
from engine.sync import pull, tombstones
from tests.support.sync.records import agent_scope, read_page, refusal, write
from tests.support.sync.tombstones import LONG_AFTER, SESSIONS, bury, remove

pytestmark = pytest.mark.stack


def states(sessions: SESSIONS, account_id: UUID, since: int = 0) -> list[tuple[str, bool]]:
    with sessions() as session:
        page = read_page(session, account_id, since=since)
    return [(state["encryptedData"], state["deleted"]) for state in page.states]


def meet(
    sessions: SESSIONS, account_id: UUID, agent_id: str, *, pulled: int, seen: datetime = LONG_AFTER
) -> None:
    with sessions.begin() as session:
        session.add(
            Agent(
                account_id=account_id,
                id=agent_id,
                created_at=datetime.now(UTC),
                last_seen_at=seen,
                pulled_stamp=pulled,
            )
        )


def deleted_at(sessions: SESSIONS, account_id: UUID) -> int:
    with sessions() as session:
        return session.scalars(
            select(SyncState.stamp).where(SyncState.account_id == account_id)
        ).one()


def test_a_deletion_is_a_version_like_any_other(sessions: SESSIONS, account_id: UUID) -> None:
    write(sessions, account_id, "a", {"a": 1})
    assert remove(sessions, account_id, "a", {"a": 2}).is_accepted
    assert remove(sessions, account_id, "a", {"a": 2}).is_accepted, "a repeat"
    assert states(sessions, account_id) == [("", True)]
    assert refusal(write(sessions, account_id, "b", {"a": 1})).extra["current"]["deleted"] is True
    assert write(sessions, account_id, "b", {"a": 2, "b": 1}, data="back").is_accepted
    assert states(sessions, account_id) == [("back", False)]


def test_a_concurrent_deletion_is_kept_as_a_sibling(sessions: SESSIONS, account_id: UUID) -> None:
    write(sessions, account_id, "a", {"a": 1})
    told = refusal(remove(sessions, account_id, "b", {"b": 1}))
    assert (told.code, [one["deleted"] for one in told.extra["siblings"]]) == ("conflict", [True])
    again = refusal(write(sessions, account_id, "b", {"b": 1}, data=""))
    assert again.code == "clock_reused", "an empty state is no deletion"


def test_a_tombstone_stays_ninety_days_and_until_every_live_agent_has_pulled_past_it(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1})
    remove(sessions, account_id, "a", {"a": 2})
    at = deleted_at(sessions, account_id)
    meet(sessions, account_id, "slow", pulled=at - 3_600_000_000)
    for now in (datetime.now(UTC) + timedelta(days=89), LONG_AFTER):
        bury(sessions, now)
        assert states(sessions, account_id) == [("", True)]
    with sessions.begin() as session:
        assert tombstones.store_cursor(agent_scope(session, account_id, "slow"), at)
    bury(sessions, LONG_AFTER)
    assert states(sessions, account_id) == []


def test_who_missed_what_was_buried_is_sent_back_to_the_start(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1})
    before = deleted_at(sessions, account_id)
    remove(sessions, account_id, "a", {"a": 2})
    at = deleted_at(sessions, account_id)
    meet(sessions, account_id, "long gone", pulled=before, seen=LONG_AFTER - timedelta(days=181))
    bury(sessions, LONG_AFTER)
    with pytest.raises(GoneError) as told:
        states(sessions, account_id, since=before)
    assert (told.value.code, told.value.extra["head"]) == (
        "resync_required",
        timestamps.to_text(at),
    )
    assert states(sessions, account_id, since=at) == []
    assert states(sessions, account_id) == []


def test_who_starts_over_reads_on_page_by_page(sessions: SESSIONS, account_id: UUID) -> None:
    for count, entity in enumerate(("one", "two", "three"), 1):
        write(sessions, account_id, "a", {"a": count}, entity=entity)
    write(sessions, account_id, "a", {"a": 4})
    remove(sessions, account_id, "a", {"a": 5})
    bury(sessions, LONG_AFTER)

    def page(since: int, agent_id: str = "a", kind: str | None = None) -> pull.StatePage:
        with sessions.begin() as session:
            puller = agent_scope(session, account_id, agent_id)
            return pull.read_page(puller, limit=1, since=since, kind=kind)

    first = page(0)
    second = page(first.cursor)
    assert page(first.cursor) == second, "an answer that was lost is asked for again"
    third = page(second.cursor)
    seen = [state["entityId"] for state in first.states + second.states + third.states]
    assert (seen, third.has_more) == (["one", "two", "three"], False)
    for other in ({"agent_id": "b"}, {"kind": "settings"}):
        with pytest.raises(GoneError):
            page(second.cursor, **other)
    with pytest.raises(GoneError):
        page(first.cursor - 1)


def test_a_walk_that_set_out_before_a_deletion_is_over_with_its_burial(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1}, entity="one")
    write(sessions, account_id, "a", {"a": 2}, entity="two")
    write(sessions, account_id, "a", {"a": 3})
    remove(sessions, account_id, "a", {"a": 4})
    bury(sessions, LONG_AFTER)
    with sessions.begin() as session:
        cursor = pull.read_page(agent_scope(session, account_id, "a"), limit=1).cursor
    write(sessions, account_id, "a", {"a": 5})
    remove(sessions, account_id, "a", {"a": 6})
    bury(sessions, LONG_AFTER)
    with sessions.begin() as session, pytest.raises(GoneError):
        pull.read_page(agent_scope(session, account_id, "a"), since=cursor)


def test_what_is_not_deleted_is_never_buried_and_old_siblings_are(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1}, data="here")
    write(sessions, account_id, "b", {"b": 1}, data="beside")
    bury(sessions, datetime.now(UTC) + timedelta(days=89))
    with sessions() as session:
        mine = select(SyncSibling.version).where(SyncSibling.account_id == account_id)
        assert len(session.scalars(mine).all()) == 1
    bury(sessions, LONG_AFTER)
    with sessions() as session:
        assert session.scalars(mine).all() == []
    assert states(sessions, account_id) == [("here", False)]


def test_progress_is_noted_once_an_hour_at_most(sessions: SESSIONS, account_id: UUID) -> None:
    hour = 3600 * 1_000_000
    meet(sessions, account_id, "a", pulled=0)
    with sessions.begin() as session:
        noted = [
            tombstones.store_cursor(agent_scope(session, account_id, "a"), since)
            for since in (hour, hour + 1, 2 * hour, hour)
        ]
    assert noted == [True, False, True, False]
