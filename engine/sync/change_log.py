"""What an accepted change writes, in one statement, the last before the commit.

It takes the account's head, whose row stays locked until the commit. So the account's stamps become
visible in their order: whoever reads one can never later find a smaller one that was still on its way. A
clock or a sequence alone cannot promise that. The link of the chain is made under the same lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.contracts.outbox_messages import StateChange
from engine.observability import tracing
from engine.sync import hash_chain
from engine.sync.change import Change

NEXT = "greatest(:tick, head.stamp + 1)"
ENTITY = "account_id = :account_id AND type = :type AND entity_id = :entity_id"
KEEP_PAST = f"""
    past AS (
        INSERT INTO sync_pasts (account_id, type, entity_id, stamp, encrypted_data)
        SELECT account_id, type, entity_id, stamp, encrypted_data FROM sync_states
        WHERE {ENTITY} AND NOT deleted AND :versions > 1
    ), forgotten AS (
        DELETE FROM sync_pasts WHERE {ENTITY} AND stamp <= (
            SELECT stamp FROM sync_pasts WHERE {ENTITY}
            ORDER BY stamp DESC OFFSET greatest(:versions - 2, 0) LIMIT 1
        )
    ),"""  # noqa: S608 - made of constants
REPLACE = """UPDATE SET version = excluded.version,
        clock = excluded.clock, encrypted_data = excluded.encrypted_data, data_hash = excluded.data_hash,
        digest = excluded.digest, agent_id = excluded.agent_id, stamp = excluded.stamp,
        deleted = excluded.deleted, kept = excluded.kept"""


def _enter(before: str, where_it_stands: str) -> TextClause:
    return text(f"""
    WITH {before} message AS (
        INSERT INTO outbox (account_id, kind, subject, created_at, due_at, traceparent)
        VALUES (:account_id, :kind, :type, :now, :now, :traceparent)
    ), counted AS (
        INSERT INTO sync_counters AS known (account_id, agent_id, counter)
        SELECT :account_id, :agent_id, :counter WHERE :counter > 0
        ON CONFLICT (account_id, agent_id) DO UPDATE SET counter = excluded.counter
        WHERE known.counter < excluded.counter
    ), head AS (
        INSERT INTO sync_heads AS head (account_id, stamp, horizon, link, states, bytes)
        VALUES (:account_id, :tick, 0, :first_link, :more, :growth)
        ON CONFLICT (account_id) DO UPDATE SET stamp = {NEXT},
            link = sha256(head.link || :digest || convert_to({timestamps.SQL.format(stamp=f"({NEXT})")}, 'UTF8')),
            states = head.states + :more, bytes = head.bytes + :growth
        RETURNING stamp, link
    ), change AS (
        INSERT INTO sync_changes
            (account_id, stamp, type, entity_id, version, clock, agent_id, deleted, data_hash, link)
        SELECT :account_id, stamp, :type, :entity_id, :version, :clock, :agent_id, :deleted, :data_hash, link
        FROM head
    )
    INSERT INTO sync_states (account_id, type, entity_id, version, clock, encrypted_data, data_hash, digest,
        agent_id, stamp, deleted, kept)
    SELECT :account_id, :type, :entity_id, :version, :clock, :encrypted_data, :data_hash, :digest,
        :agent_id, stamp, :deleted, :kept FROM head
    ON CONFLICT (account_id, type, entity_id) DO {where_it_stands}
    RETURNING stamp
""").bindparams(bindparam("clock", type_=JSONB()))  # noqa: S608 - made of constants


# Of an entity's version that is there, its writer holds the row. Of a first version nobody holds anything:
# what came before it is left alone, and not even waited for, by one who holds the head.
ENTER = {
    True: _enter("", "NOTHING"),
    False: _enter(KEEP_PAST, REPLACE),
}  # by whether it is the first

STAMP = text("SELECT stamp FROM sync_heads WHERE account_id = :account_id")


class RacedError(Exception):
    """An entity that had no version when a first one was judged has got one since."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An accepted change, and what it changes in the account's sums."""

    change: Change
    first: bool  # its entity had no version when it was judged
    more: int  # states, -1 to 1
    growth: int  # bytes
    kept: int = 0  # siblings that are left beside it


def enter(
    session: Session,
    account_id: UUID,
    agent_id: str,
    entries: Sequence[Entry],
    *,
    counted: int,
    versions: int,
    now: datetime,
) -> int:
    """Make changes current, each under the account's next stamp, in their order; return the last one.

    `counted` is the highest counter of the agent that is new to its account, 0 for none.

    :raises RacedError: when another writer's first version came before one of these; nothing of the
        transaction may be committed then.
    """
    shared = {
        "account_id": account_id,
        "agent_id": agent_id,
        "kind": StateChange.kind,
        "counter": counted,
        "versions": versions,
        "now": now,
        "tick": timestamps.of(now),
        "traceparent": tracing.traceparent(),
    }
    entered = None
    for first, group in groupby(entries, key=lambda entry: entry.first):
        values = [shared | _values(entry, account_id, agent_id, now) for entry in group]
        # The driver sends several at once, without waiting for what each answers, and adds up their rows.
        entered = session.execute(ENTER[first], values[0] if len(values) == 1 else values)
        if cast("CursorResult[Any]", entered).rowcount != len(values):
            raise RacedError
    if entered is not None and len(entries) == 1:
        return int(entered.scalar_one())
    return int(session.execute(STAMP, {"account_id": account_id}).scalar_one())


def _values(entry: Entry, account_id: UUID, agent_id: str, now: datetime) -> dict[str, Any]:
    change = entry.change
    said = hash_chain.digest(
        change.type,
        change.entity_id,
        change.version,
        change.clock,
        agent_id,
        change.deleted,
        change.data_hash,
    )
    return {
        "type": change.type,
        "entity_id": change.entity_id,
        "version": change.version,
        "clock": dict(change.clock),
        "encrypted_data": change.encrypted_data,
        "deleted": change.deleted,
        "data_hash": change.data_hash,
        "digest": said,
        "first_link": hash_chain.extend(hash_chain.genesis(account_id), said, timestamps.of(now)),
        "kept": entry.kept,
        "more": entry.more,
        "growth": entry.growth,
    }
