"""Deletions of a state, and of their expired tombstones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from engine.sync import tombstones
from engine.sync.change import Change, SyncLimits
from engine.sync.push import PushResult, push_changes
from tests.support.sync.records import agent_scope

SESSIONS = sessionmaker[Session]
LONG_AFTER = datetime.now(UTC) + timedelta(days=91)


def remove(
    sessions: SESSIONS, account_id: UUID, agent_id: str, clock: dict[str, int]
) -> PushResult:
    change = Change("settings", "theme", "", "v", clock, deleted=True)
    with sessions.begin() as session:
        scope = agent_scope(session, account_id, agent_id)
        (result,) = push_changes(scope, [change], SyncLimits())
    return result


def bury(sessions: SESSIONS, now: datetime) -> None:
    with sessions.begin() as session:
        tombstones.delete_expired(session, now=now)
