"""Many pushes, while somebody follows, others listen and something breaks; and what must be true after."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import httpx2

from bin.devtools.stack.client import Client, RefusedError
from tests.support.platform import Platform, new_agent
from tests.support.waiting import until

PAUSE_SECONDS = 0.05  # before a client asks again where it was refused, or found nothing


def pull(client: Client, query: dict[str, str]) -> dict[str, Any]:
    """Return a page, as it was sent."""
    return client.request("GET", "/api/sync/pull", params=query)


class Pusher:
    """One agent that pushes new states, each under one clock and again until it is acknowledged."""

    def __init__(self, client: Client, pushes: int) -> None:
        self.client, self.pushes = client, pushes
        self.enough = threading.Event()
        self.pause = 0.0  # seconds from one push to the next
        self.acknowledged: list[str] = []
        self.refusals: set[int] = set()
        self.interrupted = 0

    def run(self) -> None:
        """Push everything, or until it is enough."""
        for number in range(self.pushes):
            if self.enough.wait(self.pause):
                return
            entity_id = f"{self.client.agent_id}-{number}"
            # Opaque for the server, and made once: other data under the same clock would be another write.
            body = {"type": "settings", "entityId": entity_id, "version": "1"}
            body |= {"encryptedData": secrets.token_urlsafe()}
            until(partial(self._accepted, body | {"vectorClock": {self.client.agent_id: 1}}))
            self.acknowledged.append(entity_id)

    def _accepted(self, body: dict[str, Any]) -> bool:
        try:
            answer = self.client.http.post("/api/sync/push", json=body)
        except httpx2.TransportError:
            self.interrupted += 1
            return False
        if answer.is_error:
            self.refusals.add(answer.status_code)
        return answer.is_success


class Follower:
    """One agent that pulls by the cursor of the page before, whatever happens."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.seen: list[tuple[str, str]] = []  # stamps and entities
        self.failed = 0
        self.done = threading.Event()

    def run(self) -> None:
        """Pull until there is nothing new after the end of all pushes."""
        query: dict[str, str] = {}
        while True:
            last_look = self.done.is_set()
            try:
                page = pull(self.client, query)
            except (httpx2.TransportError, RefusedError):
                self.failed += 1
                self.done.wait(PAUSE_SECONDS)
                continue
            self.seen += [(state["updatedAt"], state["entityId"]) for state in page["states"]]
            query = {"since": page["cursor"]}
            if page["states"]:
                continue
            if last_look:
                return
            self.done.wait(PAUSE_SECONDS)


class Listener:
    """One agent with a live stream, opened again wherever it ends after what it heard last."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard: list[str] = [pull(client, {})["head"]]
        self.opened = self.broken = 0
        self.done = threading.Event()

    def run(self) -> None:
        """Listen until it is over."""
        while not self.done.is_set():
            try:
                for event in self.client.events(since=self.heard[-1]):
                    self.opened += event.event == "open"
                    if event.event == "message" and event.id and event.data:
                        self.heard.append(event.id)
            except (httpx2.TransportError, RefusedError, RuntimeError):
                self.broken += 1
            self.done.wait(PAUSE_SECONDS)


class Load:
    """Agents of one new account: some push, one follows, two listen."""

    def __init__(self, laptop: Client, others: list[Client], pushes: int) -> None:
        self.laptop = laptop
        *pushing, following, one, two = others
        self.pushes = pushes
        self.pushers = [Pusher(client, pushes // len(pushing)) for client in pushing]
        self.follower = Follower(following)
        self.listeners = [Listener(one), Listener(two)]
        self._pushing = [
            threading.Thread(target=pusher.run, daemon=True) for pusher in self.pushers
        ]
        self._following = threading.Thread(target=self.follower.run, daemon=True)

    def begin(self) -> None:
        """Open the streams, then push."""
        for listener in self.listeners:
            threading.Thread(target=listener.run, daemon=True).start()
        until(lambda: all(listener.opened for listener in self.listeners))
        for thread in [self._following, *self._pushing]:
            thread.start()

    def acknowledged(self) -> list[str]:
        """Return what has been pushed and acknowledged so far."""
        return [entity_id for pusher in self.pushers for entity_id in pusher.acknowledged]

    def reach(self, pushes: int) -> None:
        """Wait until so many are acknowledged."""
        until(lambda: len(self.acknowledged()) >= pushes)

    def enough(self) -> None:
        """Let the pushers end with what they are at."""
        for pusher in self.pushers:
            pusher.enough.set()
        until(lambda: not any(thread.is_alive() for thread in self._pushing))
        self.pushes = len(self.acknowledged())

    def failures(self) -> int:
        """Return how many requests and streams failed, of whatever kind."""
        pushes = sum(pusher.interrupted for pusher in self.pushers) + len(self.refusals())
        return pushes + self.follower.failed + sum(listener.broken for listener in self.listeners)

    def finish(self) -> None:
        """Wait until everything is pushed, and followed."""
        until(lambda: not any(thread.is_alive() for thread in self._pushing))
        self.follower.done.set()
        until(lambda: not self._following.is_alive())

    def end(self) -> None:
        """Let the listeners go."""
        for listener in self.listeners:
            listener.done.set()

    def refusals(self) -> set[int]:
        """Return the statuses of all refusals that were met."""
        return {status for pusher in self.pushers for status in pusher.refusals}

    def from_the_start(self) -> list[tuple[str, str]]:
        """Return what an agent that knows nothing pulls: stamps and entities."""
        told: list[tuple[str, str]] = []
        query = {"limit": "120"}
        while True:
            page = pull(self.laptop, query)
            told += [(state["updatedAt"], state["entityId"]) for state in page["states"]]
            if not page["hasMore"]:
                return told
            query["since"] = page["cursor"]


@contextmanager
def under_load(platform: Platform, pushes: int, *, pause: float = 0.0) -> Iterator[Load]:
    """Put a new account under load."""
    names = [f"pusher-{number}" for number in range(4)] + ["follower", "phone", "tablet"]
    with ExitStack() as exits:
        laptop = exits.enter_context(new_agent(platform))
        others = [Client(platform.api_url, name, laptop.keys) for name in names]
        for client in others:
            exits.enter_context(client).login(laptop.email, laptop.password)
        load = Load(laptop, others, pushes)
        for pusher in load.pushers:
            pusher.pause = pause
        load.begin()
        try:
            yield load
        finally:
            load.end()


def check(load: Load) -> None:
    """Compare what was acknowledged with what is pulled from the start, was followed and heard.

    :raises AssertionError: when anything is missing, twice there, or out of order.
    """
    load.finish()
    told = load.from_the_start()
    stamps = [stamp for stamp, _ in told]
    assert len(load.acknowledged()) == load.pushes
    assert sorted(entity_id for _, entity_id in told) == sorted(load.acknowledged())
    assert stamps == sorted(set(stamps)), "no stamp is used twice"
    assert load.follower.seen == told, "the cursor told everything once, in order"
    until(lambda: all(listener.heard[-1] == stamps[-1] for listener in load.listeners))
    for listener in load.listeners:
        assert listener.heard == sorted(set(listener.heard)), "nothing is heard twice"
