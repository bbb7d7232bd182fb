"""MAC of a command or a reply: who sent it has the key, and it means one thing.

HMAC-SHA-256 (RFC 2104) over fields, each after its length, so that no two lists of fields have the
same text.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

CONTEXT = b"cloudapi command 1"  # the same key under another context makes other MACs
LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """Message whose MAC binds an argument, or a reply, to one use."""

    command: bytes  # the workflow type or the signal; `reply`
    target: bytes  # id of the workflow; of workflows that a schedule starts, their common prefix
    message_id: bytes
    encoding: bytes
    data: bytes  # the argument as it is sent: it has the account and the reply key

    def mac(self, key: bytes) -> bytes:
        """Return the MAC of the message."""
        fields = (
            CONTEXT,
            self.command,
            self.target,
            self.message_id,
            self.encoding,
            self.data,
        )
        text = b"".join(len(field).to_bytes(LENGTH_BYTES) + field for field in fields)
        return hmac.digest(key, text, "sha256")

    def is_authentic(self, key: bytes, mac: bytes) -> bool:
        """Return whether the MAC is that of this message, in constant time."""
        return hmac.compare_digest(self.mac(key), mac)
