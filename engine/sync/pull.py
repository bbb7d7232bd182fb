"""Pull: reads the current versions of an account's entities in the order of their timestamps.

A cursor is the timestamp up to which an agent has pulled; going on from it misses no change. The
horizon is the timestamp of the newest deleted tombstone. A cursor before it is refused, because its
agent may have missed a deletion. An agent that pulls everything from the start is on a walk. Its
cursors are before the horizon too, but it never saw what was deleted before the walk began.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Select,
    String,
    Subquery,
    Uuid,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.errors import ConflictError, GoneError
from engine.store.account_scope import AccountScope, AgentScope
from engine.store.sync import SyncHead, SyncSibling, SyncState
from engine.sync import entities, siblings, stored_bytes
from engine.sync.change import PULL_BYTES_MAX
from engine.sync.hash_chain import ChainPoint

# Rows that one page scans at most where an agent leaves its own writes out.
SCAN_ROWS_MAX = 5_000
STATES = SyncState.__table__
HEADS = SyncHead.__table__.c
PAGE_COLUMNS = [
    column for column in STATES.c if column.name not in {"account_id", "data_hash", "digest"}
]
FIND_WALK = text("""
    SELECT begun FROM sync_walks WHERE account_id = :account_id AND agent_id = :agent_id
        AND type = :type AND begun >= :horizon AND :since IN (since, reached)
""")
STORE_WALK = text("""
    INSERT INTO sync_walks (account_id, agent_id, type, begun, since, reached)
    VALUES (:account_id, :agent_id, :type, :begun, :since, :reached)
    ON CONFLICT (account_id, agent_id, type)
    DO UPDATE SET begun = excluded.begun, since = excluded.since, reached = excluded.reached
""")


@dataclass(frozen=True, slots=True)
class StatePage:
    """Page of states, oldest first; the next pull goes on at `cursor`."""

    states: list[dict[str, Any]]
    has_more: bool
    cursor: int
    head: ChainPoint | None  # of the account; none before its first change

    @property
    def newest(self) -> int:
        """Return the account's newest stamp, 0 before its first change."""
        return self.head.stamp if self.head else 0


def read_head(session: Session, account_id: UUID) -> int:
    """Return an account's newest stamp, 0 before its first change."""
    stamp = session.scalar(select(SyncHead.stamp).where(SyncHead.account_id == account_id))
    return stamp or 0


def read_page(
    scope: AgentScope,
    *,
    since: int = 0,
    kind: str | None = None,
    limit: int = 100,
    exclude_self: bool = False,
) -> StatePage:
    """Return up to `limit` states strictly newer than the stamp `since`, cut at PULL_BYTES_MAX.

    The cost does not grow with the number of the account's states. `exclude_self` leaves out what
    the pulling agent wrote. Such a page may be short or empty and still have more behind it, as it
    ends after SCAN_ROWS_MAX rows; `cursor` states how far it read.

    :raises GoneError: `resync_required`, when `since` is older than a deleted tombstone.
    :raises ConflictError: `resync_required`, when `since` is newer than the account's head: the
        server was restored from a backup, or the time is not one of its timestamps. In both cases
        the client must pull from the start.
    """
    query = _page_query(has_type=kind is not None, exclude_self=exclude_self)
    values = {"account_id": scope.account_id, "since": since, "limit": limit + 1, "kind": kind}
    # One statement reads one snapshot: the page has every state up to the head that it returns.
    rows = scope.session.execute(query, values | {"agent_id": scope.agent_id}).all()
    newest, horizon, scan_end = rows[0].newest or 0, rows[0].horizon or 0, rows[0].scan_end
    walk = {"account_id": scope.account_id, "agent_id": scope.agent_id, "type": kind or ""}
    start = _check_since(scope.session, walk, since=since, newest=newest, horizon=horizon)
    available = [row for row in rows if row.stamp is not None]
    page = available[:limit]
    has_more = len(page) < (available[0].available if available else 0)
    end = page[-1].stamp if has_more else max(newest, since)
    if not has_more and scan_end is not None:
        has_more, end = True, scan_end
    if has_more and end < horizon:
        walk |= {"begun": start, "since": since, "reached": end}
        scope.session.execute(STORE_WALK, walk)
    conflicts = [(row.type, row.entity_id) for row in page if row.kept]
    by_entity = siblings.read_siblings(scope, conflicts)
    head = ChainPoint(newest, rows[0].link) if newest else None
    return StatePage([entities.state_json(row, by_entity) for row in page], has_more, end, head)


def check_cursor(scope: AccountScope, since: int) -> None:
    """Accept a cursor after which every change can be read.

    :raises GoneError: as `read_page` does.
    :raises ConflictError: as `read_page` does.
    """
    head = scope.session.get(SyncHead, scope.account_id, populate_existing=True)
    newest, horizon = (0, 0) if head is None else (head.stamp, head.horizon)
    walk = {"account_id": scope.account_id, "agent_id": "", "type": ""}
    _check_since(scope.session, walk, since=since, newest=newest, horizon=horizon)


def _check_since(
    session: Session, walk: dict[str, Any], *, since: int, newest: int, horizon: int
) -> int:
    """Return the stamp at which the cursor's pull began: the newest, or that of its stored walk."""
    if since > newest:
        detail = "The cursor is newer than this server's head: pull from the start."
        raise ConflictError("resync_required", detail, extra={"head": timestamps.to_text(newest)})
    if not 0 < since < horizon:
        return newest
    start = session.scalar(FIND_WALK, walk | {"since": since, "horizon": horizon})
    if start is None:
        detail = "Deletions after this cursor are no longer stored: pull from the start."
        raise GoneError("resync_required", detail, extra={"head": timestamps.to_text(newest)})
    return int(start)


@cache
def _page_query(*, has_type: bool, exclude_self: bool) -> Select[Any]:
    """Build the query of a page: the account's head, joined with the rows of the page if any."""
    account_id = bindparam("account_id", type_=Uuid())
    newer = select(*PAGE_COLUMNS).where(
        STATES.c.account_id == account_id, STATES.c.stamp > bindparam("since", type_=BigInteger())
    )
    if has_type:
        newer = newer.where(STATES.c.type == bindparam("kind", type_=String()))
    newer = newer.order_by(STATES.c.stamp)
    scan_end: Any = literal(None, BigInteger())
    if exclude_self:
        last = newer.with_only_columns(STATES.c.stamp).offset(SCAN_ROWS_MAX - 1).limit(1)
        scan_end = last.scalar_subquery()
        scan = newer.limit(SCAN_ROWS_MAX).subquery()
        by_others = select(scan).where(scan.c.agent_id != bindparam("agent_id"))
        newer = by_others.order_by(scan.c.stamp)
    page = _limit_rows(newer)
    one_row = select(literal(1)).subquery()
    with_head = one_row.outerjoin(SyncHead.__table__, HEADS.account_id == account_id)
    return (
        select(
            HEADS.stamp.label("newest"),
            HEADS.horizon,
            HEADS.link,
            scan_end.label("scan_end"),
            page,
        )
        .select_from(with_head.outerjoin(page, true()))
        .order_by(page.c.stamp)
    )


def _limit_rows(newer: Select[Any]) -> Subquery:
    """Limit rows to `limit` and, with their siblings, PULL_BYTES_MAX; one row is always there.

    `limit` is one more than the page has, so that `available` tells whether more rows follow.
    """
    rows = newer.limit(bindparam("limit")).subquery()
    # Most states have no sibling, and then nothing reads the siblings' table.
    of_siblings = (
        select(func.coalesce(func.sum(literal_column(stored_bytes.VERSION_SQL)), 0))
        .select_from(SyncSibling)
        .where(
            SyncSibling.account_id == bindparam("account_id", type_=Uuid()),
            SyncSibling.type == rows.c.type,
            SyncSibling.entity_id == rows.c.entity_id,
        )
        .scalar_subquery()
    )
    size = func.octet_length(rows.c.encrypted_data) + case((rows.c.kept > 0, of_siblings), else_=0)
    sized_rows = select(
        rows,
        func.sum(size).over(order_by=rows.c.stamp).label("bytes_so_far"),
        func.row_number().over(order_by=rows.c.stamp).label("place"),
        func.count().over().label("available"),
    ).subquery()
    columns = [column for column in sized_rows.c if column.name not in {"bytes_so_far", "place"}]
    fits = (sized_rows.c.bytes_so_far <= PULL_BYTES_MAX) | (sized_rows.c.place == 1)
    return select(*columns).where(fits).subquery()
