"""Listens to the live stream of an agent."""

from __future__ import annotations

import threading
from queue import Queue

from bin.devtools.stack.client import Client

HEARD_SECONDS_MAX = 20


def listen(client: Client, since: str | None = None) -> Queue[str]:
    heard: Queue[str] = Queue()

    def follow() -> None:
        for event in client.events(since=since):
            if event.event == "open" or (event.event == "message" and event.data):
                heard.put(event.id or "open")
                if event.id:
                    return

    threading.Thread(target=follow, daemon=True).start()
    assert heard.get(timeout=HEARD_SECONDS_MAX) == "open"
    return heard
