"""Change log: writes accepted changes in one statement, the last one before the commit.

The statement updates the account's head, whose row stays locked until the commit. So the account's
stamps become visible in ascending order: a reader of one stamp never finds a smaller one later.
A clock or a sequence alone cannot promise that. The hash chain's link is made under the same lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, cast

from sqlalchemy import CursorResult, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from engine.contracts import timestamps
from engine.contracts.outbox_messages import StateChange
from engine.observability import tracing
from engine.store.account_scope import AgentScope
from engine.sync import hash_chain, stored_bytes
from engine.sync.change import Change

NEXT_STAMP = "greatest(:tick, head.stamp + 1)"
NEXT_STAMP_TEXT = timestamps.SQL.format(stamp=f"({NEXT_STAMP})")
ENTITY = "account_id = :account_id AND type = :type AND entity_id = :entity_id"
STORE_PAST = f"""
    past AS (
        INSERT INTO sync_pasts (account_id, type, entity_id, stamp, encrypted_data)
        SELECT account_id, type, entity_id, stamp, encrypted_data FROM sync_states
        WHERE {ENTITY} AND NOT deleted AND :versions > 1
    ), expiry AS (
        DELETE FROM sync_pasts WHERE {ENTITY} AND stamp <= (
            SELECT stamp FROM sync_pasts WHERE {ENTITY}
            ORDER BY stamp DESC OFFSET greatest(:versions - 2, 0) LIMIT 1
        )
        RETURNING {stored_bytes.PAST_SQL} AS bytes
    ),"""  # noqa: S608 - made of constants
REPLACE = """UPDATE SET version = excluded.version,
        clock = excluded.clock, encrypted_data = excluded.encrypted_data,
        data_hash = excluded.data_hash, digest = excluded.digest, agent_id = excluded.agent_id,
        stamp = excluded.stamp, deleted = excluded.deleted, kept = excluded.kept"""


NO_PAST = "expiry AS (SELECT 0 AS bytes),"


def _append_statement(store_past: str, on_conflict: str) -> TextClause:
    return text(f"""
    WITH {store_past} message AS (
        INSERT INTO outbox (account_id, kind, subject, created_at, due_at, traceparent)
        VALUES (:account_id, :kind, :type, :now, :now, :traceparent)
    ), agent_counter AS (
        INSERT INTO sync_counters AS highest (account_id, agent_id, counter)
        SELECT :account_id, :agent_id, :counter WHERE :counter > 0
        ON CONFLICT (account_id, agent_id) DO UPDATE SET counter = excluded.counter
        WHERE highest.counter < excluded.counter
    ), growth AS (
        SELECT :stored_difference - coalesce(sum(bytes), 0)::bigint AS bytes FROM expiry
    ), head AS (
        INSERT INTO sync_heads AS head
            (account_id, stamp, horizon, link, states, bytes, stored_bytes)
        VALUES (:account_id, :tick, 0, :first_link, :states_difference, :bytes_difference,
            :stored_difference)
        ON CONFLICT (account_id) DO UPDATE SET stamp = {NEXT_STAMP},
            link = sha256(head.link || :digest || convert_to({NEXT_STAMP_TEXT}, 'UTF8')),
            states = head.states + :states_difference, bytes = head.bytes + :bytes_difference,
            stored_bytes = head.stored_bytes + (SELECT bytes FROM growth)
        WHERE head.stored_bytes <= :stored_before OR (SELECT bytes FROM growth) <= 0
            OR head.stored_bytes + (SELECT bytes FROM growth) <= :stored_max
        RETURNING stamp, link
    ), change AS (
        INSERT INTO sync_changes (account_id, stamp, type, entity_id, version, clock, agent_id,
            deleted, data_hash, link)
        SELECT :account_id, stamp, :type, :entity_id, :version, :clock, :agent_id,
            :deleted, :data_hash, link FROM head
    )
    INSERT INTO sync_states (account_id, type, entity_id, version, clock, encrypted_data, data_hash,
        digest, agent_id, stamp, deleted, kept)
    SELECT :account_id, :type, :entity_id, :version, :clock, :encrypted_data, :data_hash,
        :digest, :agent_id, stamp, :deleted, :siblings FROM head
    ON CONFLICT (account_id, type, entity_id) DO {on_conflict}
    RETURNING stamp
""").bindparams(bindparam("clock", type_=JSONB()))  # noqa: S608 - made of constants


# By whether the change is its entity's first version. The writer of a later version holds the row
# of the one before. Nobody holds a row before the first version: a writer that holds the head must
# not replace, or even wait for, a first version that another writer has inserted.
APPEND = {
    True: _append_statement(NO_PAST, "NOTHING"),
    False: _append_statement(STORE_PAST, REPLACE),
}
READ_STAMP = text("SELECT stamp FROM sync_heads WHERE account_id = :account_id")
ADD_STORED_BYTES = text("""
    UPDATE sync_heads SET stored_bytes = stored_bytes + :growth WHERE account_id = :account_id
        AND (stored_bytes <= :stored_before OR stored_bytes + :growth <= :stored_max)
""")
RAISE_COUNTER = text("""
    INSERT INTO sync_counters AS highest (account_id, agent_id, counter)
    VALUES (:account_id, :agent_id, :counter)
    ON CONFLICT (account_id, agent_id) DO UPDATE SET counter = excluded.counter
    WHERE highest.counter < excluded.counter
""")


class RaceError(Exception):
    """Another writer has committed since this push read the account.

    It has written a first version of an entity, or used the room that was left in the quota.
    """


@dataclass(frozen=True, slots=True)
class StorageRoom:
    """Room for a write: what the account stored when it was judged, and the most it may store."""

    stored_before: int
    stored_max: int


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Accepted change and its effect on the account's sums."""

    change: Change
    is_first: bool  # the entity had no version when the change was judged
    states_difference: int  # -1 to 1
    bytes_difference: int  # of the states' data
    room: StorageRoom
    stored_difference: int  # of the stored bytes, before expired past versions are deleted
    history_versions: int  # of the entity, the change included
    siblings: int = 0  # that stay beside the change


def append_changes(scope: AgentScope, entries: Sequence[LogEntry], *, counter: int) -> int:
    """Make changes current in their order, each under the account's next stamp; return the last.

    `counter` is the agent's highest counter when it is new to the account, otherwise 0.

    :raises RaceError: when another writer came before. The caller must roll the transaction back.
    """
    common = {
        "account_id": scope.account_id,
        "agent_id": scope.agent_id,
        "kind": StateChange.kind,
        "counter": counter,
        "now": scope.now,
        "tick": timestamps.from_datetime(scope.now),
        "traceparent": tracing.traceparent(),
    }
    result = None
    for is_first, group in groupby(entries, key=lambda entry: entry.is_first):
        rows = [common | _values(scope, entry) for entry in group]
        # The driver pipelines several rows without waiting for each answer, and adds up the counts.
        result = scope.session.execute(APPEND[is_first], rows[0] if len(rows) == 1 else rows)
        if cast("CursorResult[Any]", result).rowcount != len(rows):
            raise RaceError
    if result is not None and len(entries) == 1:
        return int(result.scalar_one())
    stamp = scope.session.execute(READ_STAMP, {"account_id": scope.account_id}).scalar_one()
    return int(stamp)


def raise_counter(scope: AgentScope, counter: int) -> None:
    """Store the counter of a refused change as the agent's highest, if it is higher.

    Later clocks may count up to it: the change is stored as a sibling, where other agents find it.
    """
    values = {"account_id": scope.account_id, "agent_id": scope.agent_id, "counter": counter}
    scope.session.execute(RAISE_COUNTER, values)


def add_stored_bytes(scope: AgentScope, growth: int, room: StorageRoom) -> None:
    """Count the bytes of new siblings on the account's head.

    :raises RaceError: when another writer has used their room. The caller must roll back.
    """
    values = {"account_id": scope.account_id, "growth": growth} | asdict(room)
    result = scope.session.execute(ADD_STORED_BYTES, values)
    if cast("CursorResult[Any]", result).rowcount != 1:
        raise RaceError


def _values(scope: AgentScope, entry: LogEntry) -> dict[str, Any]:
    change = entry.change
    digest = hash_chain.hash_change(
        change.entity,
        change.version,
        change.clock,
        scope.agent_id,
        deleted=change.deleted,
        data_hash=change.data_hash,
    )
    genesis = hash_chain.genesis_link(scope.account_id)
    return {
        "type": change.type,
        "entity_id": change.entity_id,
        "version": change.version,
        "clock": dict(change.clock),
        "encrypted_data": change.encrypted_data,
        "deleted": change.deleted,
        "data_hash": change.data_hash,
        "digest": digest,
        "first_link": hash_chain.extend(genesis, digest, timestamps.from_datetime(scope.now)),
        "siblings": entry.siblings,
        "states_difference": entry.states_difference,
        "bytes_difference": entry.bytes_difference,
        "stored_difference": entry.stored_difference,
        "versions": entry.history_versions,
        **asdict(entry.room),
    }
