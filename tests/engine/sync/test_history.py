"""What is kept of an entity's past, and what an account keeps in all."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from engine.contracts import timestamps
from engine.errors import NotFoundError
from engine.store.account_scope import AccountScope, AgentScope
from engine.sync import entity_history
from engine.sync.change import Change, SyncLimits
from engine.sync.push import PushResult, push_changes
from engine.sync.usage import measure_usage
from tests.support.sync.records import refusal, write
from tests.support.sync.tombstones import LONG_AFTER, bury, remove

pytestmark = pytest.mark.stack


SESSIONS = sessionmaker[Session]


def history(
    sessions: SESSIONS, account_id: UUID, entity: str = "theme", limit: int = 100
) -> list[Any]:
    with sessions() as session:
        scope = AccountScope(session, account_id, datetime.now(UTC))
        page = entity_history.list_versions(scope, ("settings", entity), limit)
    return [version["encryptedData"] for version in page.versions]


def usage(sessions: SESSIONS, account_id: UUID, quota_bytes: int = 10) -> dict[str, int]:
    with sessions() as session:
        scope = AccountScope(session, account_id, datetime.now(UTC))
        return measure_usage(scope, SyncLimits(quota_bytes=quota_bytes))


def limited(
    sessions: SESSIONS, account_id: UUID, count: int, data: str, limits: SyncLimits
) -> PushResult:
    change = Change("settings", "theme", data, "v", {"a": count})
    with sessions.begin() as session:
        scope = AgentScope(session, account_id, datetime.now(UTC), "a")
        (result,) = push_changes(scope, [change], limits)
    return result


def test_past_versions_are_read_the_newest_first(sessions: SESSIONS, account_id: UUID) -> None:
    for count in range(1, 4):
        write(sessions, account_id, "a", {"a": count}, data=str(count))
    write(sessions, account_id, "a", {"a": 4}, data="another", entity="other")
    assert history(sessions, account_id) == ["3", "2", "1"]
    assert history(sessions, account_id, limit=2) == ["3", "2"]
    assert history(sessions, account_id, limit=1) == ["3"]
    with pytest.raises(NotFoundError):
        history(sessions, account_id, entity="none")


def test_a_page_of_large_versions_ends_early_and_leads_to_the_next(
    sessions: SESSIONS, account_id: UUID
) -> None:
    for count in range(1, 11):
        write(sessions, account_id, "a", {"a": count}, data=str(count) + "x" * 1_000_000)
    with sessions() as session:
        scope = AccountScope(session, account_id, datetime.now(UTC))
        first = entity_history.list_versions(scope, ("settings", "theme"), 100)
        before = timestamps.parse(first.versions[-1]["updatedAt"], "/before")
        rest = entity_history.list_versions(scope, ("settings", "theme"), 100, before=before)
        end = timestamps.parse(rest.versions[-1]["updatedAt"], "/before")
        none = entity_history.list_versions(scope, ("settings", "theme"), 100, before=end)
    assert (len(first.versions), first.has_more) == (8, True)
    assert (len(rest.versions), rest.has_more) == (2, False)
    assert [int(one["encryptedData"].rstrip("x")) for one in rest.versions] == [2, 1]
    assert (none.versions, none.has_more) == ([], False)


def test_the_oldest_versions_are_forgotten(sessions: SESSIONS, account_id: UUID) -> None:
    for count in range(1, 26):
        write(sessions, account_id, "a", {"a": count}, data=str(count))
    assert history(sessions, account_id) == [str(count) for count in range(25, 5, -1)]
    assert usage(sessions, account_id)["pastVersions"] == 19


def test_a_lower_number_of_versions_is_reached_by_and_by(
    sessions: SESSIONS, account_id: UUID
) -> None:
    for count in range(1, 7):
        limited(sessions, account_id, count, str(count), SyncLimits(history_versions=5))
    assert history(sessions, account_id) == ["6", "5", "4", "3", "2"]
    for count in range(7, 10):
        limited(sessions, account_id, count, str(count), SyncLimits(history_versions=2))
    assert history(sessions, account_id) == ["9", "8"]
    limited(sessions, account_id, 10, "10", SyncLimits(history_versions=1))
    assert history(sessions, account_id) == ["10"]


def test_a_deletion_keeps_the_past_until_it_is_buried(sessions: SESSIONS, account_id: UUID) -> None:
    write(sessions, account_id, "a", {"a": 1}, data="precious")
    remove(sessions, account_id, "a", {"a": 2})
    assert history(sessions, account_id) == ["", "precious"]
    bury(sessions, LONG_AFTER)
    assert usage(sessions, account_id)["pastVersions"] == 0
    assert write(sessions, account_id, "a", {"a": 3}, data="anew").is_accepted
    assert history(sessions, account_id) == ["anew"]


def test_a_tombstone_with_a_sibling_that_is_not_old_is_not_buried(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1})
    remove(sessions, account_id, "a", {"a": 2})
    with sessions.begin() as session:
        change = Change("settings", "theme", "kept", "v", {"b": 1})
        push_changes(AgentScope(session, account_id, LONG_AFTER, "b"), [change], SyncLimits())
    bury(sessions, LONG_AFTER)
    told = refusal(write(sessions, account_id, "b", {"b": 1}, data="kept"))
    assert (told.code, [one["encryptedData"] for one in told.extra["siblings"]]) == (
        "conflict",
        ["kept"],
    )


def test_usage_says_what_is_kept(sessions: SESSIONS, account_id: UUID) -> None:
    assert usage(sessions, account_id)["states"] == 0
    write(sessions, account_id, "a", {"a": 1}, data="éé", entity="one")
    write(sessions, account_id, "a", {"a": 2}, data="12345", entity="two")
    write(sessions, account_id, "a", {"a": 3}, data="123", entity="two")
    write(sessions, account_id, "b", {"b": 1}, data="1234567", entity="two")
    assert usage(sessions, account_id, quota_bytes=99) == {
        "states": 2,
        "bytes": 7,
        "storedBytes": 1886,
        "workflowBytes": 0,
        "quotaBytes": 99,
        "siblings": 1,
        "siblingBytes": 7,
        "pastVersions": 1,
        "pastBytes": 5,
    }
    remove(sessions, account_id, "a", {"a": 4})
    with sessions.begin() as session:
        change = Change("settings", "one", "", "v", {"a": 4}, deleted=True)
        scope = AgentScope(session, account_id, datetime.now(UTC), "a")
        push_changes(scope, [change], SyncLimits())
    assert (usage(sessions, account_id)["states"], usage(sessions, account_id)["bytes"]) == (1, 3)
