"""The engine's requests for one account on the real database, one transaction each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker

from engine.store.accounts import Agent
from engine.sync import batch, tombstones
from engine.sync import pull as feed
from engine.sync.pull import Page
from engine.sync.push import Push
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
            pushes = batch.push_all(
                session,
                account_id=self.account_id,
                agent_id=agent_id,
                changes=[write.change for write in writes],
                now=now,
            )
            if not atomic or all(push.accepted for push in pushes):
                session.commit()
        return [_answer(push) for push in pushes]

    def pull(
        self,
        *,
        since: int = 0,
        kind: str | None = None,
        limit: int = PAGE_MAX,
        agent_id: str = "",
        exclude_self: bool = False,
    ) -> Page:
        """Pull a page."""
        with self.sessions.begin() as session:
            return feed.pull(
                session,
                account_id=self.account_id,
                since=since,
                kind=kind,
                limit=limit,
                agent_id=agent_id,
                exclude_self=exclude_self,
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
                tombstones.note_pulled(
                    session, account_id=self.account_id, agent_id=agent_id, since=since
                )

    def bury(self, now: datetime) -> None:
        """Sweep."""
        with self.sessions.begin() as session:
            tombstones.bury(session, now=now)


def _answer(push: Push) -> Answer:
    if push.refusal is None:
        return Answer("accepted")
    members = push.refusal.extra
    return Answer(push.refusal.code, members["current"], members["siblings"])
