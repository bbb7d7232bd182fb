"""Hints: a change told on Redis right after its commit, best effort, ahead of the notice that is sure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from engine.contracts import timestamps


def channel(account_id: UUID | str) -> str:
    """Return the Redis channel of an account's hints."""
    return f"hints:{account_id}"


def told(*, agent_id: str, head: int, types: Sequence[str]) -> str:
    """Return the hint that an agent has changed states of these types, up to the stamp `head`."""
    return json.dumps({"by": agent_id, "head": timestamps.text(head), "types": list(types)})
