"""Cursors: which are good for going on, and which have their agent start over.

A cursor before the horizon is refused, for its agent may have missed a deletion. One on the way from the
start looks the same, and has missed none: it has seen nothing of what was deleted before it set out.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.errors import ConflictError, GoneError
from engine.store.sync import SyncHead

GOES_ON = text("""
    SELECT begun FROM sync_walks WHERE account_id = :account_id AND agent_id = :agent_id
        AND type = :type AND begun >= :horizon AND :since IN (since, reached)
""")
NOTE = text("""
    INSERT INTO sync_walks (account_id, agent_id, type, begun, since, reached)
    VALUES (:account_id, :agent_id, :type, :begun, :since, :reached)
    ON CONFLICT (account_id, agent_id, type)
    DO UPDATE SET begun = excluded.begun, since = excluded.since, reached = excluded.reached
""")


def admit(
    session: Session,
    account_id: UUID,
    agent_id: str,
    kind: str | None,
    *,
    since: int,
    newest: int,
    horizon: int,
) -> int:
    """Return when the pull that a cursor belongs to set out: now, or for one on its way from the start, then.

    :raises GoneError: when the cursor is older than a deletion that is told no more.
    :raises ConflictError: when it is newer than anything this server knows.
    """
    if since > newest:
        detail = "The cursor is ahead of this server: pull from the start."
        raise ConflictError("resync_required", detail, extra={"head": timestamps.text(newest)})
    if not 0 < since < horizon:
        return newest
    values = {"account_id": account_id, "agent_id": agent_id, "type": kind or ""}
    begun = session.scalar(GOES_ON, values | {"since": since, "horizon": horizon})
    if begun is None:
        detail = "Deletions after this cursor are no longer told: pull from the start."
        raise GoneError("resync_required", detail, extra={"head": timestamps.text(newest)})
    return int(begun)


def check(session: Session, *, account_id: UUID, since: int) -> None:
    """Let a cursor through by which everything newer can be told.

    :raises GoneError: as above.
    :raises ConflictError: as above.
    """
    head = session.get(SyncHead, account_id, populate_existing=True)
    newest, horizon = (0, 0) if head is None else (head.stamp, head.horizon)
    admit(session, account_id, "", None, since=since, newest=newest, horizon=horizon)


def note(
    session: Session,
    account_id: UUID,
    agent_id: str,
    kind: str | None,
    *,
    begun: int,
    since: int,
    reached: int,
) -> None:
    """Note how far a pull from the start has come, while that is before the horizon."""
    values = {"account_id": account_id, "agent_id": agent_id, "type": kind or ""}
    session.execute(NOTE, values | {"begun": begun, "since": since, "reached": reached})
