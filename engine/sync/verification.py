"""Verification: compares an account's hash chain with all that the database stores of it."""

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

FETCH_ROWS = 1000
CHANGES = SyncChange.__table__


@dataclass(frozen=True, slots=True)
class LastChange:
    """Last change of an entity on the chain."""

    stamp: int
    digest: bytes
    deleted: bool


def list_accounts(session: Session) -> list[UUID]:
    """Return the ids of the accounts that have a chain."""
    return list(session.scalars(select(SyncHead.account_id).order_by(SyncHead.account_id)))


def find_contradictions(session: Session, account_id: UUID) -> Iterator[str]:
    """Yield a sentence for each contradiction between the chain and the stored rows.

    The session's transaction must be REPEATABLE READ; the account may be written to meanwhile. The
    check takes some hundred bytes of memory per entity.
    """
    head = session.get(SyncHead, account_id)
    point = hash_chain.ChainPoint(0, hash_chain.genesis_link(account_id))
    last: dict[Entity, LastChange] = {}
    query = select(CHANGES).where(CHANGES.c.account_id == account_id).order_by(CHANGES.c.stamp)
    for row in session.execute(query.execution_options(yield_per=FETCH_ROWS)):
        digest = _digest(row)
        link = hash_chain.extend(point.link, digest, row.stamp)
        if link != row.link:
            yield f"the link at {timestamps.to_text(row.stamp)} does not follow from its change"
        point = hash_chain.ChainPoint(row.stamp, row.link)
        last[row.type, row.entity_id] = LastChange(row.stamp, digest, row.deleted)
    if head is None or (head.stamp, head.link) != (point.stamp, point.link):
        yield f"the head is not the chain's last link, {point}"
    yield from _check_states(session, account_id, last)
    yield from _check_past_versions(session, account_id)
    yield from _check_sums(session, account_id, head)


def _check_states(
    session: Session, account_id: UUID, last: dict[Entity, LastChange]
) -> Iterator[str]:
    """Compare each state with the last change of its entity; an old tombstone may have no state."""
    states = SyncState.__table__
    query = select(states).where(states.c.account_id == account_id)
    for row in session.execute(query.execution_options(yield_per=FETCH_ROWS)):
        name = f"the state {row.type}/{row.entity_id}"
        change = last.pop((row.type, row.entity_id), None)
        if change is None or change.stamp != row.stamp:
            yield f"{name} is not the entity's last version on the chain"
        elif not change.digest == row.digest == _digest(row):
            yield f"{name} differs from its change"
        elif hashlib.sha256(row.encrypted_data.encode()).digest() != row.data_hash:
            yield f"{name} has other data than its change"
    for (kind, entity_id), change in last.items():
        if not change.deleted:
            yield f"the state {kind}/{entity_id} is missing"


def _check_past_versions(session: Session, account_id: UUID) -> Iterator[str]:
    """Compare the data of each past version with the hash in its change."""
    pasts = SyncPast.__table__
    same_change = (CHANGES.c.account_id == pasts.c.account_id) & (CHANGES.c.stamp == pasts.c.stamp)
    query = (
        select(pasts, CHANGES.c.data_hash)
        .outerjoin(CHANGES, same_change)
        .where(pasts.c.account_id == account_id)
    )
    for row in session.execute(query.execution_options(yield_per=FETCH_ROWS)):
        if hashlib.sha256(row.encrypted_data.encode()).digest() != row.data_hash:
            version = (
                f"the version of {row.type}/{row.entity_id} at {timestamps.to_text(row.stamp)}"
            )
            yield f"{version} has other data"


def _check_sums(session: Session, account_id: UUID, head: SyncHead | None) -> Iterator[str]:
    """Compare the head's sums and the states' sibling counts with the rows."""
    sums = (0, 0) if head is None else (head.states, head.bytes)
    totals = usage.count_states(session, account_id)
    if sums != totals:
        yield f"states and bytes are counted as {sums}, but there are {totals}"
    row_bytes, head_bytes = (
        usage.measure_rows(session, account_id),
        head.stored_bytes if head else 0,
    )
    if head_bytes != row_bytes:
        yield f"stored bytes are counted as {head_bytes}, but there are {row_bytes}"
    for kind, entity_id in usage.list_miscounts(session, account_id):
        yield f"the siblings of {kind}/{entity_id} are counted wrong"


def _digest(row: Row[Any]) -> bytes:
    return hash_chain.hash_change(
        (row.type, row.entity_id),
        row.version,
        row.clock,
        row.agent_id,
        deleted=row.deleted,
        data_hash=row.data_hash,
    )
