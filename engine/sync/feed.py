"""Reading states: every entity's latest version in the order of stamps, under a cursor that misses none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from engine.errors import ConflictError, GoneError
from engine.store.models import SyncHead, SyncState
from engine.sync import siblings, stamp
from engine.sync.siblings import Sibling

PAGE_BYTES_MAX = 8 * 1_048_576


@dataclass(frozen=True, slots=True)
class Page:
    """Some states, oldest first; the next pull goes on at `cursor`; `head` is the account's newest stamp."""

    states: list[dict[str, Any]]
    has_more: bool
    cursor: int
    head: int


def head(session: Session, account_id: UUID) -> int:
    """Return the newest stamp of an account, 0 before its first change."""
    found = session.scalar(select(SyncHead.stamp).where(SyncHead.account_id == account_id))
    return found or 0


def pull(
    session: Session,
    *,
    account_id: UUID,
    since: int = 0,
    kind: str | None = None,
    limit: int = 100,
    exclude_agent: str | None = None,
) -> Page:
    """Return up to `limit` states that are strictly newer than the stamp `since`, cut at PAGE_BYTES_MAX.

    :raises GoneError: when `since` is older than a deletion that is told no more.
    :raises ConflictError: when `since` is newer than anything this server knows: it was given out by
        one that has since been restored from a backup, or it is no stamp of ours. Either way the
        client must pull from the start.
    """
    # Read before the states: whatever has a stamp up to this head is visible to the next statement.
    known = session.get(SyncHead, account_id, populate_existing=True)
    newest, horizon = (known.stamp, known.horizon) if known is not None else (0, 0)
    if 0 < since < horizon:
        detail = "Deletions after this cursor are no longer told: pull from the start."
        raise GoneError("resync_required", detail, extra={"head": stamp.text(newest)})
    if since > newest:
        raise ConflictError(
            "resync_required",
            "The cursor is ahead of this server: pull from the start.",
            extra={"head": stamp.text(newest)},
        )
    query = _query(account_id, since, kind, limit, exclude_agent)
    rows = session.execute(query).all()
    has_more = bool(rows) and min(len(rows), limit) < rows[0].available
    rows = rows[:limit]
    last = rows[-1].stamp if rows else since
    kept = siblings.among(session, account_id, [(row.type, row.entity_id) for row in rows])
    return Page(
        [told(row, kept) for row in rows],
        has_more,
        last if has_more else max(last, newest),
        max(last, newest),
    )


def _query(
    account_id: UUID, since: int, kind: str | None, limit: int, exclude_agent: str | None
) -> Select[Any]:
    """Build the page: one row more than asked for, and none beyond the page's bytes but the first."""
    wanted = select(SyncState).where(SyncState.account_id == account_id, SyncState.stamp > since)
    if kind is not None:
        wanted = wanted.where(SyncState.type == kind)
    if exclude_agent is not None:
        wanted = wanted.where(SyncState.agent_id != exclude_agent)
    near = wanted.order_by(SyncState.stamp).limit(limit + 1).subquery()
    bytes_so_far = func.sum(func.octet_length(near.c.encrypted_data)).over(order_by=near.c.stamp)
    sized = select(
        near,
        bytes_so_far.label("bytes_so_far"),
        func.row_number().over(order_by=near.c.stamp).label("place"),
        func.count().over().label("available"),
    ).subquery()
    return (
        select(sized)
        .where((sized.c.bytes_so_far <= PAGE_BYTES_MAX) | (sized.c.place == 1))
        .order_by(sized.c.stamp)
    )


def told(row: Row[Any] | SyncState, kept: Sequence[Sibling]) -> dict[str, Any]:
    """Return a state as clients see it, with those of some siblings that are its own."""
    return {
        "type": row.type,
        "entityId": row.entity_id,
        "encryptedData": row.encrypted_data,
        "version": row.version,
        "updatedAt": stamp.text(row.stamp),
        "vectorClock": row.clock,
        "agentId": row.agent_id,
        "deleted": row.deleted,
        "siblings": [one.told() for one in kept if (one.type, one.entity_id) == (row.type, row.entity_id)],
    }
