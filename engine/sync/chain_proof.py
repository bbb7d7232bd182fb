"""Whether what a client remembers is in this server's past, and the links that prove it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.errors import ConflictError
from engine.store.sync import SyncChange, SyncHead
from engine.sync.hash_chain import Point, genesis

CHANGES = SyncChange.__table__.c


def check(session: Session, *, account_id: UUID, remembered: Point) -> None:
    """Let the request through when the remembered point is on the account's chain.

    :raises ConflictError: `fork_detected`: the server was rolled back, or has told somebody else another
        story.
    """
    link = select(SyncChange.link).where(
        SyncChange.account_id == account_id, SyncChange.stamp == remembered.stamp
    )
    if session.scalar(link) != remembered.link:
        detail = "What you remember is not in this server's past: it was rolled back, or forked."
        head = session.get(SyncHead, account_id)
        told = None if head is None else str(Point(head.stamp, head.link))
        raise ConflictError("fork_detected", detail, extra={"syncHead": told})


def links(
    session: Session, *, account_id: UUID, since: int, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Return up to `limit` accepted changes after the stamp `since`, oldest first, and whether more follow.

    Of each all that its link was made from, but for the data, whose hash stands for it.
    """
    query = (
        select(SyncChange.__table__)
        .where(CHANGES.account_id == account_id, CHANGES.stamp > since)
        .order_by(CHANGES.stamp)
        .limit(limit + 1)
    )
    rows = session.execute(query).all()
    told = [
        {
            "updatedAt": timestamps.text(row.stamp),
            "type": row.type,
            "entityId": row.entity_id,
            "version": row.version,
            "vectorClock": row.clock,
            "agentId": row.agent_id,
            "deleted": row.deleted,
            "dataHash": row.data_hash.hex(),
            "link": row.link.hex(),
        }
        for row in rows[:limit]
    ]
    return told, len(rows) > limit


def beginning(account_id: UUID) -> str:
    """Return the link before an account's first change, in hex."""
    return genesis(account_id).hex()
