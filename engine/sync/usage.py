"""Usage: what an account stores in total, and digests that prove a client has all of its states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.store.account_scope import AccountScope
from engine.sync import stored_bytes
from engine.sync.change import Entity, SyncLimits
from engine.sync.hash_chain import ChainPoint

# Siblings and past versions are summed on request: the quota needs the total alone.
USAGE = text("""
    SELECT coalesce(head.states, 0) AS states, coalesce(head.bytes, 0) AS bytes,
        coalesce(head.stored_bytes, 0) AS sync_bytes,
        (SELECT coalesce(sum(bytes), 0) FROM usage_entries WHERE account_id = :account_id)
            AS workflow_bytes,
        (SELECT count(*) FROM sync_siblings WHERE account_id = :account_id) AS siblings,
        (SELECT coalesce(sum(octet_length(encrypted_data)), 0) FROM sync_siblings
            WHERE account_id = :account_id) AS sibling_bytes,
        (SELECT count(*) FROM sync_pasts WHERE account_id = :account_id) AS pasts,
        (SELECT coalesce(sum(octet_length(encrypted_data)), 0) FROM sync_pasts
            WHERE account_id = :account_id) AS past_bytes
    FROM (SELECT 1) AS one LEFT JOIN sync_heads AS head ON head.account_id = :account_id
""")
HASH_INPUT = f"digest || convert_to({timestamps.SQL.format(stamp='stamp')}, 'UTF8')"
# One statement reads one snapshot: the digests are those of the states at the returned head.
DIGESTS = text(f"""
    SELECT head.stamp, head.link, states.type, states.count, states.hash FROM (SELECT 1) AS one
    LEFT JOIN sync_heads AS head ON head.account_id = :account_id
    LEFT JOIN (
        SELECT type, count(*) AS count, sha256(string_agg({HASH_INPUT}, '' ORDER BY stamp)) AS hash
        FROM sync_states WHERE account_id = :account_id AND NOT deleted GROUP BY type
    ) AS states ON true
    ORDER BY states.type
""")  # noqa: S608 - made of constants

COUNT_STATES = text("""
    SELECT count(*), coalesce(sum(octet_length(encrypted_data)), 0) FROM sync_states
    WHERE account_id = :account_id AND NOT deleted
""")
MEASURE_ROWS = text(f"""
    SELECT coalesce(sum(bytes), 0) FROM (
        SELECT {stored_bytes.VERSION_SQL} AS bytes FROM sync_states WHERE account_id = :account_id
        UNION ALL
        SELECT {stored_bytes.VERSION_SQL} FROM sync_siblings WHERE account_id = :account_id
        UNION ALL
        SELECT {stored_bytes.PAST_SQL} FROM sync_pasts WHERE account_id = :account_id
        UNION ALL
        SELECT {stored_bytes.CHANGE_SQL} FROM sync_changes WHERE account_id = :account_id
    ) AS stored
""")  # noqa: S608 - made of constants
MISCOUNTS = text("""
    SELECT type, entity_id, coalesce(state.kept, 0), count(sibling.id)
    FROM (SELECT * FROM sync_states WHERE account_id = :account_id) AS state
    FULL JOIN (SELECT * FROM sync_siblings WHERE account_id = :account_id) AS sibling
        USING (type, entity_id)
    GROUP BY type, entity_id, state.kept HAVING coalesce(state.kept, 0) <> count(sibling.id)
""")


@dataclass(frozen=True, slots=True)
class AccountDigest:
    """Count and hash of an account's states by type, and the head that they belong to."""

    types: dict[str, dict[str, Any]]
    head: ChainPoint | None


def measure_usage(scope: AccountScope, limits: SyncLimits) -> dict[str, int]:
    """Return number and bytes of what an account stores, and its quota.

    `storedBytes` counts against the quota: all rows of sync, of workflows, executions and events.
    """
    row = scope.session.execute(USAGE, {"account_id": scope.account_id}).one()
    return {
        "states": row.states,
        "bytes": row.bytes,
        "storedBytes": row.sync_bytes + int(row.workflow_bytes),
        "workflowBytes": int(row.workflow_bytes),
        "quotaBytes": limits.quota_bytes,
        "siblings": row.siblings,
        "siblingBytes": row.sibling_bytes,
        "pastVersions": row.pasts,
        "pastBytes": int(row.past_bytes),
    }


def compute_digest(scope: AccountScope) -> AccountDigest:
    """Return the digests of an account's states without its tombstones.

    The hash of a type is the SHA-256 over its states in the order of their stamps. Each contributes
    the digest of its change and `updatedAt`, in the form that the hash chain uses.
    """
    rows = scope.session.execute(DIGESTS, {"account_id": scope.account_id}).all()
    types = {
        row.type: {"count": row.count, "hash": row.hash.hex()}
        for row in rows
        if row.type is not None
    }
    head = ChainPoint(rows[0].stamp, rows[0].link) if rows[0].stamp else None
    return AccountDigest(types, head)


def count_states(session: Session, account_id: UUID) -> tuple[int, int]:
    """Return the number of an account's states and their bytes, from the rows themselves."""
    row = session.execute(COUNT_STATES, {"account_id": account_id}).one()
    return row[0], int(row[1])


def measure_rows(session: Session, account_id: UUID) -> int:
    """Return the bytes that an account's rows of sync count, from the rows themselves."""
    return int(session.scalar(MEASURE_ROWS, {"account_id": account_id}) or 0)


def list_miscounts(session: Session, account_id: UUID) -> list[Entity]:
    """Return the entities whose stored number of siblings is not the number of rows."""
    return [(row[0], row[1]) for row in session.execute(MISCOUNTS, {"account_id": account_id})]
