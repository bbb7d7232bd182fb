"""Inbox of an execution: the events that reached it and that no task consumed, oldest first."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from engine.language import cloud_events
from engine.language.errors import ExhaustedError

EVENTS_MAX = 10_000
BYTES_MAX = 1_048_576
DIGESTS_MAX = 4_096  # of source and id, to recognise a repetition: it follows closely
_DIGEST_BYTES = 12


@dataclass(slots=True)
class EventInbox:
    """Queue of events: signals fill it, `listen` tasks look through it, a checkpoint stores it.

    An event stays until a task consumes it, so an event that precedes its `listen` is not lost.
    Each event is consumed once. While no task listens, the inbox drops the oldest events past
    EVENTS_MAX or BYTES_MAX. While a task listens, it drops none silently: the overflow ends the
    execution.
    """

    events: list[tuple[int, dict[str, Any]]] = field(default_factory=list)  # each with its number
    digests: list[str] = field(default_factory=list)
    count: int = 0  # of all events that arrived; the number of the last one
    has_overflowed: bool = False
    _digest_set: set[str] = field(default_factory=set)
    _size: int = 0
    _listeners: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the inbox as an object of JSON values."""
        return {"waiting": self.events, "remembered": self.digests, "arrived": self.count}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> EventInbox:
        """Return the inbox that `to_json` described; its events keep their numbers."""
        inbox = cls([(number, event) for number, event in state["waiting"]], state["remembered"])
        inbox.count, inbox._digest_set = state["arrived"], set(state["remembered"])
        inbox._size = sum(len(orjson.dumps(event)) for _, event in inbox.events)
        return inbox

    def add(self, events: Iterable[dict[str, Any]]) -> None:
        """Queue events, except those that arrived before."""
        for event in events:
            digest = (
                hashlib.sha256(cloud_events.identity(event).encode()).digest()[:_DIGEST_BYTES].hex()
            )
            if digest in self._digest_set:
                continue
            self._add_digest(digest)
            self.count += 1
            self.events.append((self.count, event))
            self._size += len(orjson.dumps(event))
            while len(self.events) > EVENTS_MAX or self._size > BYTES_MAX:
                self.has_overflowed = self.has_overflowed or self._listeners > 0
                self._drop(0)

    def next(self, number: int) -> tuple[int, dict[str, Any]] | None:
        """Return the first event after the one with this number, or None.

        :raises ExhaustedError: when the inbox overflowed while a task listened.
        """
        if self.has_overflowed:
            raise ExhaustedError(
                f"more events were waiting than {EVENTS_MAX}, or {BYTES_MAX} bytes"
            )
        index = bisect_right(self.events, number, key=lambda item: item[0])
        return self.events[index] if index < len(self.events) else None

    def consume(self, number: int) -> None:
        """Remove the event with this number."""
        self._drop(bisect_left(self.events, number, key=lambda item: item[0]))

    def drop_until(self, number: int) -> None:
        """Remove every event up to the one with this number."""
        while self.events and self.events[0][0] <= number:
            self._drop(0)

    @contextmanager
    def listener(self) -> Iterator[None]:
        """Count one more listening task while the block runs."""
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1

    def _drop(self, index: int) -> None:
        _, event = self.events.pop(index)
        self._size -= len(orjson.dumps(event))

    def _add_digest(self, digest: str) -> None:
        self._digest_set.add(digest)
        self.digests.append(digest)
        if len(self.digests) > DIGESTS_MAX:
            self._digest_set.discard(self.digests.pop(0))
