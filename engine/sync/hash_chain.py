"""Hash chain: binds every accepted change of an account to all changes before it.

A link is the SHA-256 of the previous link, the change's digest and its `updatedAt`. A client that
remembers a link can tell whether the server still has the history that it answered with. Clients
can compute links themselves: the digest is the SHA-256 of JSON in the form of RFC 8785.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from engine.contracts import timestamps
from engine.errors import ConflictError, Fault, InvalidError
from engine.store.account_scope import AccountScope
from engine.store.sync import SyncChange, SyncHead
from engine.sync import clock
from engine.sync.change import Entity
from engine.sync.clock import Clock

FORM = re.compile(r"([0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}[.][0-9]{6}Z)/([0-9a-f]{64})")
NO_STAMP = -1  # of a time that does not exist, such as the 30th of February: on no chain
CHANGES = SyncChange.__table__.c


@dataclass(frozen=True, slots=True)
class ChainPoint:
    """Link of the chain with its stamp."""

    stamp: int
    link: bytes

    def __str__(self) -> str:
        """Return the form that clients use: `updatedAt`, a slash and the link in hexadecimal."""
        return f"{timestamps.to_text(self.stamp)}/{self.link.hex()}"


def parse_point(text: str, pointer: str) -> ChainPoint:
    """Return the point that a client sent.

    :raises InvalidError: when the text has another form.
    """
    match = FORM.fullmatch(text)
    if not match:
        detail = "must be an updatedAt, a slash and 64 hexadecimal digits, as in a pull's syncHead"
        raise InvalidError(
            "invalid", "The sync head is not valid.", faults=[Fault(pointer, detail)]
        )
    try:
        stamp = timestamps.parse(match[1], pointer)
    except InvalidError:
        stamp = NO_STAMP
    return ChainPoint(stamp, bytes.fromhex(match[2]))


def genesis_link(account_id: UUID) -> bytes:
    """Return the link before an account's first change."""
    return hashlib.sha256(f"sync-chain:{account_id}".encode()).digest()


def hash_change(
    entity: Entity,
    version: str,
    vector_clock: Clock,
    agent_id: str,
    *,
    deleted: bool,
    data_hash: bytes,
) -> bytes:
    """Return the digest of a change: the SHA-256 of all its members but the stamp."""
    members = [*entity, version, clock.canonicalize(vector_clock), agent_id, deleted]
    # RFC 8785 sorts members by UTF-16 code units; a clock's members are ASCII, so this is the same.
    text = json.dumps(
        [*members, data_hash.hex()], ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    return hashlib.sha256(text.encode()).digest()


def extend(link: bytes, digest: bytes, stamp: int) -> bytes:
    """Return the link that follows `link` for a change with this digest and stamp."""
    return hashlib.sha256(link + digest + timestamps.to_text(stamp).encode()).digest()


def check_ancestor(scope: AccountScope, point: ChainPoint) -> None:
    """Accept a point that is on the account's chain.

    :raises ConflictError: `fork_detected`. The server was restored from an older backup, or it has
        answered other clients with another history.
    """
    query = select(SyncChange.link).where(
        SyncChange.account_id == scope.account_id, SyncChange.stamp == point.stamp
    )
    if scope.session.scalar(query) == point.link:
        return
    head = scope.session.get(SyncHead, scope.account_id)
    sync_head = None if head is None else str(ChainPoint(head.stamp, head.link))
    detail = "The sync head is not in this server's history, which was rolled back or forked."
    raise ConflictError("fork_detected", detail, extra={"syncHead": sync_head})


def list_links(scope: AccountScope, *, since: int, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Return up to `limit` changes after the stamp `since`, oldest first, and whether more follow.

    Each has all members that its link was made from; the data's hash stands for the data.
    """
    query = (
        select(SyncChange.__table__)
        .where(CHANGES.account_id == scope.account_id, CHANGES.stamp > since)
        .order_by(CHANGES.stamp)
        .limit(limit + 1)
    )
    rows = scope.session.execute(query).all()
    links = [
        {
            "updatedAt": timestamps.to_text(row.stamp),
            "type": row.type,
            "entityId": row.entity_id,
            "version": row.version,
            "vectorClock": row.clock,
            "agentId": row.agent_id,
            "deleted": row.deleted,
            "dataHash": row.data_hash.hex(),
            "link": row.link.hex(),
        }
        for row in rows[:limit]
    ]
    return links, len(rows) > limit
