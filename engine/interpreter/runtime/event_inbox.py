"""The events that have reached an execution and that no step has consumed, in the order they came."""

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

WAITING_MAX = 10_000
WAITING_BYTES_MAX = 1_048_576
REMEMBERED_MAX = 4_096  # whose source and id are known again: a repetition follows closely
_DIGEST_BYTES = 12


@dataclass(slots=True)
class Inbox:
    """A queue that signals fill and listening steps look through: plain data, to be carried along.

    An event stays until a step consumes it, so one that comes before its `listen` is not lost; each is
    consumed once. While nothing listens the newest are kept, WAITING_MAX of them or WAITING_BYTES_MAX. While
    something listens, more than that end the execution rather than be forgotten.
    """

    waiting: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)
    arrived: int = 0
    flooded: bool = False
    _known: set[str] = field(default_factory=set)
    _size: int = 0
    _listeners: int = 0

    def written(self) -> dict[str, Any]:
        """Return it as an object of JSON values."""
        return {"waiting": self.waiting, "remembered": self.remembered, "arrived": self.arrived}

    @classmethod
    def read(cls, written: dict[str, Any]) -> Inbox:
        """Return the inbox that was written: numbers of events stay what they were."""
        inbox = cls(
            [(number, event) for number, event in written["waiting"]], written["remembered"]
        )
        inbox.arrived, inbox._known = written["arrived"], set(written["remembered"])
        inbox._size = sum(len(orjson.dumps(event)) for _, event in inbox.waiting)
        return inbox

    def put(self, events: Iterable[dict[str, Any]]) -> None:
        """Queue what has arrived, but for what has arrived before."""
        for event in events:
            digest = hashlib.sha256(cloud_events.key(event).encode()).digest()[:_DIGEST_BYTES].hex()
            if digest in self._known:
                continue
            self._remember(digest)
            self.arrived += 1
            self.waiting.append((self.arrived, event))
            self._size += len(orjson.dumps(event))
            while len(self.waiting) > WAITING_MAX or self._size > WAITING_BYTES_MAX:
                self.flooded = self.flooded or self._listeners > 0
                self._drop(0)

    def next(self, number: int) -> tuple[int, dict[str, Any]] | None:
        """Return the first event after the one with this number, or None.

        :raises ExhaustedError: when events were lost on somebody who listens.
        """
        if self.flooded:
            raise ExhaustedError(
                f"more events were waiting than {WAITING_MAX}, or {WAITING_BYTES_MAX} bytes"
            )
        place = bisect_right(self.waiting, number, key=lambda found: found[0])
        return self.waiting[place] if place < len(self.waiting) else None

    def consume(self, number: int) -> None:
        """Take an event out."""
        self._drop(bisect_left(self.waiting, number, key=lambda found: found[0]))

    def forget(self, number: int) -> None:
        """Take out every event up to this one: nobody else will look at them."""
        while self.waiting and self.waiting[0][0] <= number:
            self._drop(0)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count somebody who listens as long as the block lasts."""
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1

    def _drop(self, place: int) -> None:
        _, event = self.waiting.pop(place)
        self._size -= len(orjson.dumps(event))

    def _remember(self, digest: str) -> None:
        self._known.add(digest)
        self.remembered.append(digest)
        if len(self.remembered) > REMEMBERED_MAX:
            self._known.discard(self.remembered.pop(0))
