"""The live stream of an agent."""

from __future__ import annotations

import threading
from queue import Queue

from bin.devtools.stack.client import Client

EVENT_SECONDS_MAX = 20


def listen(client: Client, since: str | None = None) -> Queue[str]:
    event_ids: Queue[str] = Queue()

    def follow() -> None:
        for event in client.events(since=since):
            if event.event == "open" or (event.event == "message" and event.data):
                event_ids.put(event.id or "open")
                if event.id:
                    return

    threading.Thread(target=follow, daemon=True).start()
    assert event_ids.get(timeout=EVENT_SECONDS_MAX) == "open"
    return event_ids
