"""Pushes of an agent and pages of an account, without the web process."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from engine.errors import EngineError
from engine.store.account_scope import AgentScope
from engine.sync import pull
from engine.sync.change import Change, SyncLimits
from engine.sync.push import PushResult, push_changes


def agent_scope(session: Session, account_id: UUID, agent_id: str) -> AgentScope:
    return AgentScope(session, account_id, datetime.now(UTC), agent_id)


def write(
    sessions: sessionmaker[Session],
    account_id: UUID,
    agent_id: str,
    clock: dict[str, int],
    *,
    data: str = "data",
    entity: str = "theme",
) -> PushResult:
    change = Change("settings", entity, data, "v", clock)
    with sessions() as session:
        scope = agent_scope(session, account_id, agent_id)
        (result,) = push_changes(scope, [change], SyncLimits())
        session.commit()
    return result


def refusal(result: PushResult) -> EngineError:
    assert result.refusal is not None
    return result.refusal


def read_page(session: Session, account_id: UUID, **query: int) -> pull.StatePage:
    scope = agent_scope(session, account_id, "reader")
    return pull.read_page(scope, since=query.get("since", 0), limit=query.get("limit", 100))


def head(sessions: sessionmaker[Session], account_id: UUID) -> int:
    with sessions() as session:
        return pull.read_head(session, account_id)
