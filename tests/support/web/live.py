"""Pushes that live streams report."""

from __future__ import annotations

from bin.devtools.stack.client import Client

DOOR = "/api/sync/events"


def push(client: Client, entity_id: str, kind: str = "settings") -> str:
    """Push a new state and return its stamp."""
    client.push(entity_id, 1, version="1", clock={client.agent_id: 1}, kind=kind)
    head: str = client.pull()["head"]
    return head
