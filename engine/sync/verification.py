"""An account's chain checked against all that the database keeps of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.store.sync import SyncChange, SyncHead, SyncPast, SyncState
from engine.sync import hash_chain, usage
from engine.sync.change import Entity

BATCH = 1000
CHANGES = SyncChange.__table__


@dataclass(frozen=True, slots=True)
class Last:
    """The last change of an entity, as the chain has it."""

    stamp: int
    said: bytes
    deleted: bool


def accounts(session: Session) -> list[UUID]:
    """Return the accounts that have a chain."""
    return list(session.scalars(select(SyncHead.account_id).order_by(SyncHead.account_id)))


def verify(session: Session, account_id: UUID) -> Iterator[str]:
    """Yield what contradicts the account's chain, a sentence each; nothing when all holds.

    Read in one transaction of the isolation level REPEATABLE READ, while the account may be written to.
    Takes some hundred bytes of memory per entity.
    """
    head = session.get(SyncHead, account_id)
    point = hash_chain.Point(0, hash_chain.genesis(account_id))
    last: dict[Entity, Last] = {}
    mine = select(CHANGES).where(CHANGES.c.account_id == account_id).order_by(CHANGES.c.stamp)
    for row in session.execute(mine.execution_options(yield_per=BATCH)):
        said = _digest(row)
        point = hash_chain.Point(row.stamp, hash_chain.extend(point.link, said, row.stamp))
        if point.link != row.link:
            yield f"the link at {timestamps.text(row.stamp)} does not follow from what its change says"
            point = hash_chain.Point(row.stamp, row.link)
        last[row.type, row.entity_id] = Last(row.stamp, said, row.deleted)
    if head is None or (head.stamp, head.link) != (point.stamp, point.link):
        yield f"the head is not the chain's last link, {point}"
    yield from _states(session, account_id, last)
    yield from _pasts(session, account_id)
    yield from _sums(session, account_id, head)


def _states(session: Session, account_id: UUID, last: dict[Entity, Last]) -> Iterator[str]:
    """Compare each state with the last change of its entity; a deletion's may have been buried."""
    states = SyncState.__table__
    mine = select(states).where(states.c.account_id == account_id)
    for row in session.execute(mine.execution_options(yield_per=BATCH)):
        named, told = (
            f"the state {row.type}/{row.entity_id}",
            last.pop((row.type, row.entity_id), None),
        )
        if told is None or told.stamp != row.stamp:
            yield f"{named} is not the last version that the chain has of it"
        elif not told.said == row.digest == _digest(row):
            yield f"{named} says other than its change"
        elif hashlib.sha256(row.encrypted_data.encode()).digest() != row.data_hash:
            yield f"{named} has other data than its change"
    for (kind, entity_id), told in last.items():
        if not told.deleted:
            yield f"the state {kind}/{entity_id} is missing"


def _pasts(session: Session, account_id: UUID) -> Iterator[str]:
    pasts = SyncPast.__table__
    query = (
        select(pasts, CHANGES.c.data_hash)
        .outerjoin(
            CHANGES,
            (CHANGES.c.account_id == pasts.c.account_id) & (CHANGES.c.stamp == pasts.c.stamp),
        )
        .where(pasts.c.account_id == account_id)
    )
    for row in session.execute(query.execution_options(yield_per=BATCH)):
        if hashlib.sha256(row.encrypted_data.encode()).digest() != row.data_hash:
            yield f"the version of {row.type}/{row.entity_id} at {timestamps.text(row.stamp)} has other data"


def _sums(session: Session, account_id: UUID, head: SyncHead | None) -> Iterator[str]:
    """Compare what is counted with what is there."""
    counted = (0, 0) if head is None else (head.states, head.bytes)
    there = usage.present(session, account_id=account_id)
    if counted != there:
        yield f"states and bytes are counted as {counted}, but there are {there}"
    for kind, entity_id in usage.miscounted(session, account_id=account_id):
        yield f"the siblings of {kind}/{entity_id} are counted wrong"


def _digest(row: Row[Any]) -> bytes:
    return hash_chain.digest(
        row.type, row.entity_id, row.version, row.clock, row.agent_id, row.deleted, row.data_hash
    )
