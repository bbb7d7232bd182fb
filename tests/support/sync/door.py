"""Requests of one account to the engine, each in a transaction of the real database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker

from engine.store.account_scope import AgentScope
from engine.store.accounts import Agent
from engine.sync import pull, push, tombstones
from engine.sync.change import SyncLimits
from engine.sync.pull import StatePage
from engine.sync.push import PushResult
from tests.support.sync.histories import Write

PAGE_MAX = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a push: "accepted" or the code of the refusal, with the stored versions."""

    verdict: str
    current: dict[str, Any] | None = None
    siblings: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Door:
    """The requests of one account."""

    sessions: sessionmaker[Session]
    account_id: UUID

    def push(
        self, agent_id: str, writes: Sequence[Write], now: datetime, *, atomic: bool = False
    ) -> list[Answer]:
        """Push one write, or several as a batch."""
        with self.sessions() as session:
            scope = AgentScope(session, self.account_id, now, agent_id)
            changes = [write.change for write in writes]
            results = push.push_changes(scope, changes, SyncLimits())
            if not atomic or all(result.is_accepted for result in results):
                session.commit()
        return [_answer(result) for result in results]

    def pull(
        self,
        *,
        since: int = 0,
        kind: str | None = None,
        limit: int = PAGE_MAX,
        agent_id: str = "",
        exclude_self: bool = False,
    ) -> StatePage:
        """Pull a page."""
        with self.sessions.begin() as session:
            scope = AgentScope(session, self.account_id, datetime.now(UTC), agent_id)
            return pull.read_page(
                scope, since=since, kind=kind, limit=limit, exclude_self=exclude_self
            )

    def note(self, agent_id: str, now: datetime, since: int | None) -> None:
        """Record an agent's visit, and how far it has pulled when it pulls everything."""
        statement = insert(Agent).values(
            account_id=self.account_id,
            id=agent_id,
            created_at=now,
            last_seen_at=now,
            pulled_stamp=0,
        )
        with self.sessions.begin() as session:
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=[Agent.account_id, Agent.id], set_={"last_seen_at": now}
                )
            )
            if since is not None:
                scope = AgentScope(session, self.account_id, now, agent_id)
                tombstones.store_cursor(scope, since)

    def bury(self, now: datetime) -> None:
        """Sweep."""
        with self.sessions.begin() as session:
            tombstones.delete_expired(session, now=now)


def _answer(result: PushResult) -> Answer:
    if result.refusal is None:
        return Answer("accepted")
    extra = result.refusal.extra
    return Answer(result.refusal.code, extra["current"], extra["siblings"])
