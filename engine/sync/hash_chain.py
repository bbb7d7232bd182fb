"""The chain: every accepted change of an account, bound to all that came before it.

A link is the hash of the link before it, of what the change says, and of its stamp. Whoever remembers a
link can tell whether a server still stands by everything it had told until then. The form is a client's
to compute too: JSON as by RFC 8785, SHA-256, and the stamp as it is written in `updatedAt`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from uuid import UUID

from engine.contracts import timestamps
from engine.errors import Fault, InvalidError
from engine.sync import clock
from engine.sync.clock import Clock

FORM = re.compile(r"([0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}[.][0-9]{6}Z)/([0-9a-f]{64})")
NEVER = -1  # a time that never was, such as the 30th of February, is in nobody's past


@dataclass(frozen=True, slots=True)
class Point:
    """A link and the stamp it was made at."""

    stamp: int
    link: bytes

    def __str__(self) -> str:
        """Return it as clients see it: `updatedAt`, a slash, the link in hex."""
        return f"{timestamps.text(self.stamp)}/{self.link.hex()}"


def parse(text: str, pointer: str) -> Point:
    """Return the point a client remembered.

    :raises InvalidError: when it is none.
    """
    found = FORM.fullmatch(text)
    if not found:
        detail = "must be an updatedAt, a slash and 64 hexadecimal digits, as a pull answered it"
        raise InvalidError("invalid", "The head cannot be read.", faults=[Fault(pointer, detail)])
    try:
        at = timestamps.parse(found[1], pointer)
    except InvalidError:
        at = NEVER
    return Point(at, bytes.fromhex(found[2]))


def genesis(account_id: UUID) -> bytes:
    """Return the link before an account's first change."""
    return hashlib.sha256(f"sync-chain:{account_id}".encode()).digest()


def digest(
    kind: str,
    entity_id: str,
    version: str,
    counters: Clock,
    agent_id: str,
    deleted: bool,
    data_hash: bytes,
) -> bytes:
    """Return the hash of what a change says, all but its stamp."""
    said = [kind, entity_id, version, clock.canonical(counters), agent_id, deleted, data_hash.hex()]
    # RFC 8785: a clock's members are ASCII, so their order is that of their code units.
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).digest()


def extend(link: bytes, said: bytes, at: int) -> bytes:
    """Return the link that follows `link` for a change of the digest `said` at the stamp `at`."""
    return hashlib.sha256(link + said + timestamps.text(at).encode()).digest()
