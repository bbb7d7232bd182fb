"""Reading states: every entity's latest version in the order of stamps, under a cursor that misses none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, String, Uuid, bindparam, func, literal, select, true
from sqlalchemy.orm import Session

from engine.store.sync import SyncHead, SyncState
from engine.sync import cursors, entities, siblings
from engine.sync.hash_chain import Point
from engine.sync.limits import PULL_BYTES_MAX

# Where an agent leaves its own writes out, so many are looked through for one page, however many there are.
LOOKED_THROUGH_MAX = 5_000
STATES = SyncState.__table__
HEADS = SyncHead.__table__.c
SHOWN = [column for column in STATES.c if column.name not in {"account_id", "data_hash", "digest"}]


@dataclass(frozen=True, slots=True)
class Page:
    """Some states, oldest first; the next pull goes on at `cursor`; `head` is where the account stands."""

    states: list[dict[str, Any]]
    has_more: bool
    cursor: int
    head: Point | None  # none before the first change

    @property
    def newest(self) -> int:
        """Return the newest stamp, 0 before the first change."""
        return self.head.stamp if self.head else 0


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
    agent_id: str = "",
    exclude_self: bool = False,
) -> Page:
    """Return up to `limit` states that are strictly newer than the stamp `since`, cut at PULL_BYTES_MAX.

    Its cost does not grow with what the account holds. With `exclude_self`, which leaves out what the
    pulling agent wrote, a page may be short, even
    empty, and still have more behind it: `cursor` tells how far was looked.

    :raises GoneError: when `since` is older than a deletion that is told no more.
    :raises ConflictError: when `since` is newer than anything this server knows: it was given out by
        one that has since been restored from a backup, or it is no stamp of ours. Either way the
        client must pull from the start.
    """
    values = {"account_id": account_id, "since": since, "limit": limit + 1, "kind": kind}
    query = _query(kind is not None, exclude_self)
    # One statement, one snapshot: whatever has a stamp up to the head that it shows, it shows.
    rows = session.execute(query, values | {"agent_id": agent_id}).all()
    newest, horizon = rows[0].newest or 0, rows[0].horizon or 0
    begun = cursors.admit(
        session, account_id, agent_id, kind, since=since, newest=newest, horizon=horizon
    )
    found = [row for row in rows if row.stamp is not None]
    states = found[:limit]
    more = len(states) < (found[0].available if found else 0)
    end = states[-1].stamp if more else max(newest, since)
    if not more and exclude_self and rows[0].looked_to is not None:
        more, end = True, rows[0].looked_to
    if more and end < horizon:
        cursors.note(session, account_id, agent_id, kind, begun=begun, since=since, reached=end)
    contested = [(row.type, row.entity_id) for row in states if row.kept]
    kept = siblings.among(session, account_id, contested)
    point = Point(newest, rows[0].link) if newest else None
    return Page([entities.told(row, kept) for row in states], more, end, point)


@cache
def _query(typed: bool, excluding: bool) -> Select[Any]:
    """Build the page: one row more than asked for, none beyond the page's bytes but the first."""
    account_id = bindparam("account_id", type_=Uuid())
    newer = select(*SHOWN).where(
        STATES.c.account_id == account_id, STATES.c.stamp > bindparam("since", type_=BigInteger())
    )
    if typed:
        newer = newer.where(STATES.c.type == bindparam("kind", type_=String()))
    newer = newer.order_by(STATES.c.stamp)
    looked_to: Any = literal(None, BigInteger())
    if excluding:
        looked_to = (
            newer.with_only_columns(STATES.c.stamp)
            .offset(LOOKED_THROUGH_MAX - 1)
            .limit(1)
            .scalar_subquery()
        )
        looked = newer.limit(LOOKED_THROUGH_MAX).subquery()
        newer = (
            select(looked)
            .where(looked.c.agent_id != bindparam("agent_id"))
            .order_by(looked.c.stamp)
        )
    near = newer.limit(bindparam("limit")).subquery()
    size = func.octet_length(near.c.encrypted_data)
    sized = select(
        near,
        func.sum(size).over(order_by=near.c.stamp).label("bytes_so_far"),
        func.row_number().over(order_by=near.c.stamp).label("place"),
        func.count().over().label("available"),
    ).subquery()
    told = [column for column in sized.c if column.name not in {"bytes_so_far", "place"}]
    page = (
        select(*told)
        .where((sized.c.bytes_so_far <= PULL_BYTES_MAX) | (sized.c.place == 1))
        .subquery()
    )
    one = select(literal(1)).subquery()
    return (
        select(
            HEADS.stamp.label("newest"),
            HEADS.horizon,
            HEADS.link,
            looked_to.label("looked_to"),
            page,
        )
        .select_from(
            one.outerjoin(SyncHead.__table__, HEADS.account_id == account_id).outerjoin(
                page, true()
            )
        )
        .order_by(page.c.stamp)
    )
