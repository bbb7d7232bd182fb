"""What an account holds in all: its usage, and digests by which a client proves to hold everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.sync.change import Entity
from engine.sync.hash_chain import Point
from engine.sync.limits import Limits

# What siblings and past versions take is summed when asked for: only states count against the quota.
USAGE = text("""
    SELECT coalesce(head.states, 0) AS states, coalesce(head.bytes, 0) AS bytes,
        (SELECT count(*) FROM sync_siblings WHERE account_id = :account_id) AS siblings,
        (SELECT coalesce(sum(octet_length(encrypted_data)), 0) FROM sync_siblings
            WHERE account_id = :account_id) AS sibling_bytes,
        (SELECT count(*) FROM sync_pasts WHERE account_id = :account_id) AS pasts,
        (SELECT coalesce(sum(octet_length(encrypted_data)), 0) FROM sync_pasts
            WHERE account_id = :account_id) AS past_bytes
    FROM (SELECT 1) AS one LEFT JOIN sync_heads AS head ON head.account_id = :account_id
""")
SAID = f"digest || convert_to({timestamps.SQL.format(stamp='stamp')}, 'UTF8')"
# One statement, one snapshot: the digests are of the very states that the head stands for.
DIGESTS = text(f"""
    SELECT head.stamp, head.link, states.type, states.count, states.hash FROM (SELECT 1) AS one
    LEFT JOIN sync_heads AS head ON head.account_id = :account_id
    LEFT JOIN (
        SELECT type, count(*) AS count, sha256(string_agg({SAID}, '' ORDER BY stamp)) AS hash
        FROM sync_states WHERE account_id = :account_id AND NOT deleted GROUP BY type
    ) AS states ON true
    ORDER BY states.type
""")  # noqa: S608 - made of constants

PRESENT = text("""
    SELECT count(*), coalesce(sum(octet_length(encrypted_data)), 0) FROM sync_states
    WHERE account_id = :account_id AND NOT deleted
""")
MISCOUNTED = text("""
    SELECT type, entity_id, coalesce(state.kept, 0), count(sibling.id)
    FROM (SELECT * FROM sync_states WHERE account_id = :account_id) AS state
    FULL JOIN (SELECT * FROM sync_siblings WHERE account_id = :account_id) AS sibling USING (type, entity_id)
    GROUP BY type, entity_id, state.kept HAVING coalesce(state.kept, 0) <> count(sibling.id)
""")


@dataclass(frozen=True, slots=True)
class Digest:
    """Count and hash of an account's states by type, and where the account stood."""

    types: dict[str, dict[str, Any]]
    head: Point | None


def usage(session: Session, *, account_id: UUID, limits: Limits) -> dict[str, int]:
    """Return how much an account keeps, in states and bytes, and how many bytes its states may have."""
    row = session.execute(USAGE, {"account_id": account_id}).one()
    return {
        "states": row.states,
        "bytes": row.bytes,
        "quotaBytes": limits.quota_bytes,
        "siblings": row.siblings,
        "siblingBytes": row.sibling_bytes,
        "pastVersions": row.pasts,
        "pastBytes": int(row.past_bytes),
    }


def digest(session: Session, *, account_id: UUID) -> Digest:
    """Return the digests of an account's states that are not deleted.

    A type's hash is SHA-256 over its states in the order of their stamps: of each the digest of the
    change and `updatedAt`, both as the chain takes them.
    """
    rows = session.execute(DIGESTS, {"account_id": account_id}).all()
    types = {
        row.type: {"count": row.count, "hash": row.hash.hex()}
        for row in rows
        if row.type is not None
    }
    head = Point(rows[0].stamp, rows[0].link) if rows[0].stamp else None
    return Digest(types, head)


def present(session: Session, *, account_id: UUID) -> tuple[int, int]:
    """Return how many states an account has that are not deleted, and their bytes, by counting them."""
    row = session.execute(PRESENT, {"account_id": account_id}).one()
    return row[0], int(row[1])


def miscounted(session: Session, *, account_id: UUID) -> list[Entity]:
    """Return the entities whose number of siblings is not what their state says."""
    return [(row[0], row[1]) for row in session.execute(MISCOUNTED, {"account_id": account_id})]
