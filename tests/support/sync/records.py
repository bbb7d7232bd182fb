"""Pushes of an agent below the web, and their refusals."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from engine.errors import EngineError
from engine.sync import batch, pull
from engine.sync.change import Change
from engine.sync.push import Push


def write(
    sessions: sessionmaker[Session],
    account_id: UUID,
    agent_id: str,
    clock: dict[str, int],
    *,
    data: str = "data",
    entity: str = "theme",
) -> Push:
    change = Change("settings", entity, data, "v", clock)
    with sessions() as session:
        result = batch.push(
            session, account_id=account_id, agent_id=agent_id, change=change, now=datetime.now(UTC)
        )
        session.commit()
    return result


def refusal(push: Push) -> EngineError:
    assert push.refusal is not None
    return push.refusal


def head(sessions: sessionmaker[Session], account_id: UUID) -> int:
    with sessions() as session:
        return pull.head(session, account_id)
