"""Pushes while agents follow and listen and parts break, and checks of acknowledged changes."""

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

PAUSE_SECONDS = 0.05  # before a client tries again after a refusal or an empty page


def pull(client: Client, query: dict[str, str]) -> dict[str, Any]:
    """Return a page as the platform sent it."""
    return client.request("GET", "/api/sync/pull", params=query)


class Pusher:
    """Agent that pushes new states, each under one clock until it is acknowledged."""

    def __init__(self, client: Client, pushes: int) -> None:
        self.client, self.pushes = client, pushes
        self.enough = threading.Event()
        self.pause = 0.0  # seconds from one push to the next
        self.entity_ids: list[str] = []  # acknowledged
        self.refusals: set[int] = set()
        self.interruptions = 0

    def run(self) -> None:
        """Push all states, or until `enough` is set."""
        for number in range(self.pushes):
            if self.enough.wait(self.pause):
                return
            entity_id = f"{self.client.agent_id}-{number}"
            # Random once: other data under the same clock would be another write.
            body = {"type": "settings", "entityId": entity_id, "version": "1"}
            body |= {"encryptedData": secrets.token_urlsafe()}
            until(partial(self._push, body | {"vectorClock": {self.client.agent_id: 1}}))
            self.entity_ids.append(entity_id)

    def _push(self, body: dict[str, Any]) -> bool:
        try:
            answer = self.client.http.post("/api/sync/push", json=body)
        except httpx2.TransportError:
            self.interruptions += 1
            return False
        if answer.is_error:
            self.refusals.add(answer.status_code)
        return answer.is_success


class Follower:
    """Agent that always pulls after the cursor of its last page."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.changes: list[tuple[str, str]] = []  # stamps and entities
        self.failures = 0
        self.pushes_ended = threading.Event()

    def run(self) -> None:
        """Pull until there is nothing new after the end of all pushes."""
        query: dict[str, str] = {}
        while True:
            last_look = self.pushes_ended.is_set()
            try:
                page = pull(self.client, query)
            except (httpx2.TransportError, RefusedError):
                self.failures += 1
                self.pushes_ended.wait(PAUSE_SECONDS)
                continue
            self.changes += [(state["updatedAt"], state["entityId"]) for state in page["states"]]
            query = {"since": page["cursor"]}
            if page["states"]:
                continue
            if last_look:
                return
            self.pushes_ended.wait(PAUSE_SECONDS)


class Listener:
    """Agent with a live stream, which it opens again after the last event it received."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.event_ids: list[str] = [pull(client, {})["head"]]
        self.connections = self.disconnects = 0
        self.stop = threading.Event()

    def run(self) -> None:
        """Listen until `stop` is set."""
        while not self.stop.is_set():
            try:
                for event in self.client.events(since=self.event_ids[-1]):
                    self.connections += event.event == "open"
                    if event.event == "message" and event.id and event.data:
                        self.event_ids.append(event.id)
            except (httpx2.TransportError, RefusedError, RuntimeError):
                self.disconnects += 1
            self.stop.wait(PAUSE_SECONDS)


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
        """Open the streams, then start to push."""
        for listener in self.listeners:
            threading.Thread(target=listener.run, daemon=True).start()
        until(lambda: all(listener.connections for listener in self.listeners))
        for thread in [self._following, *self._pushing]:
            thread.start()

    def acknowledged_ids(self) -> list[str]:
        """Return the ids of all acknowledged states so far."""
        return [entity_id for pusher in self.pushers for entity_id in pusher.entity_ids]

    def reach(self, pushes: int) -> None:
        """Wait until so many pushes are acknowledged."""
        until(lambda: len(self.acknowledged_ids()) >= pushes)

    def enough(self) -> None:
        """Let the pushers end after their current state."""
        for pusher in self.pushers:
            pusher.enough.set()
        until(lambda: not any(thread.is_alive() for thread in self._pushing))
        self.pushes = len(self.acknowledged_ids())

    def failures(self) -> int:
        """Return the number of failed requests and streams of all kinds."""
        pushes = sum(pusher.interruptions for pusher in self.pushers) + len(self.refusals())
        streams = sum(listener.disconnects for listener in self.listeners)
        return pushes + self.follower.failures + streams

    def finish(self) -> None:
        """Wait until all states are pushed and the follower has pulled them."""
        until(lambda: not any(thread.is_alive() for thread in self._pushing))
        self.follower.pushes_ended.set()
        until(lambda: not self._following.is_alive())

    def end(self) -> None:
        """Stop the listeners."""
        for listener in self.listeners:
            listener.stop.set()

    def refusals(self) -> set[int]:
        """Return the statuses of all refusals."""
        return {status for pusher in self.pushers for status in pusher.refusals}

    def from_the_start(self) -> list[tuple[str, str]]:
        """Return the stamps and entities that a new agent pulls."""
        changes: list[tuple[str, str]] = []
        query = {"limit": "120"}
        while True:
            page = pull(self.laptop, query)
            changes += [(state["updatedAt"], state["entityId"]) for state in page["states"]]
            if not page["hasMore"]:
                return changes
            query["since"] = page["cursor"]


@contextmanager
def under_load(platform: Platform, pushes: int, *, pause: float = 0.0) -> Iterator[Load]:
    """Put a new account under load while the body runs."""
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
    """Compare the acknowledged pushes with a pull from the start, the follower and the listeners.

    :raises AssertionError: when a change is missing, repeated or out of order
    """
    load.finish()
    changes = load.from_the_start()
    stamps = [stamp for stamp, _ in changes]
    assert len(load.acknowledged_ids()) == load.pushes
    assert sorted(entity_id for _, entity_id in changes) == sorted(load.acknowledged_ids())
    assert stamps == sorted(set(stamps)), "no stamp is used twice"
    assert load.follower.changes == changes, "the cursor missed or repeated something"
    until(lambda: all(listener.event_ids[-1] == stamps[-1] for listener in load.listeners))
    for listener in load.listeners:
        assert listener.event_ids == sorted(set(listener.event_ids)), "an event was repeated"
