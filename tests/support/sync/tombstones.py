"""Removes states and buries their tombstones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from engine.sync import batch, tombstones
from engine.sync.change import Change
from engine.sync.push import Push

SESSIONS = sessionmaker[Session]
LONG_AFTER = datetime.now(UTC) + timedelta(days=91)


def remove(sessions: SESSIONS, account_id: UUID, agent_id: str, clock: dict[str, int]) -> Push:
    change = Change("settings", "theme", "", "v", clock, deleted=True)
    with sessions.begin() as session:
        return batch.push(
            session, account_id=account_id, agent_id=agent_id, change=change, now=datetime.now(UTC)
        )


def bury(sessions: SESSIONS, now: datetime) -> None:
    with sessions.begin() as session:
        tombstones.bury(session, now=now)
