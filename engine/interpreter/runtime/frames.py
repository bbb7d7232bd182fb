"""Frames: where every list, loop, try, fork and wait of a walk stands, in a tree that mirrors the document.

How a kind of step takes part:

* By default it does not. What a step is in the middle of (a call, a child workflow) is waited for before
  the walk is taken up by a new run, and the steps that its kind itself runs below it never rest. Its
  frame is *pinned*: it forgets whatever is put into it.
* A kind with the class attribute `resumes = True` gets a frame of its own in `scope.frame` and promises that
  at every safe point `run`, called again with the same data and this frame, goes on where it stood and does
  nothing twice. What it must remember is JSON in `frame.kept`, put there before anything is awaited.
  Times are kept as seconds since the epoch of when something is due, never as lengths.
* Lists of steps below it run by `walk.list(steps, data, scope, part=…)`, which keeps a frame for each part.
* Between two pieces of work it says `await walk.rests.safe_point(frame)`, once `kept` says that the first is
  done: a run that goes on there must not come to the same safe point again.
* A wait that may be long, once everything is in `kept`, stands in `with walk.rests.idle(frame):`. It is not
  woken: the run may end while it waits, and the next one calls `run` again, which waits for the rest.
* Each strand that runs side by side with others stands in `with walk.rests.strand(frame):`, and who
  waits for them in `idle`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Frame:
    """Where one piece of a walk stands: what it keeps, and the frames of the pieces below it."""

    kept: dict[str, Any] = field(default_factory=dict)
    below: dict[str, Frame] = field(default_factory=dict)
    pinned: bool = False

    @contextmanager
    def part(self, name: str, *, pinned: bool = False) -> Iterator[Frame]:
        """Give the frame of a piece below, the one it was left with if there is one, until that is done.

        A piece that fails leaves its frame as it stood, so that it can be retried; who catches, drops it.
        """
        if pinned or self.pinned:
            yield Frame(pinned=True)
            return
        yield self.below.setdefault(name, Frame())
        self.below.pop(name, None)

    def values(self) -> Iterator[Any]:
        """Yield all that is kept here and below."""
        frames = [self]
        while frames:
            frame = frames.pop()
            yield from frame.kept.values()
            frames += frame.below.values()

    def written(self, values: Values) -> list[Any]:
        """Return the tree as JSON, every kept value as its place among the values."""
        kept = {name: values.place(value) for name, value in self.kept.items()}
        return [kept, {name: frame.written(values) for name, frame in self.below.items()}]


@dataclass(slots=True)
class Values:
    """Values in the order they were first met: one that many frames keep is written once."""

    found: list[Any] = field(default_factory=list)
    _places: dict[int, int] = field(default_factory=dict)

    def place(self, value: Any) -> int:
        """Return where the value stands."""
        known = self._places.setdefault(id(value), len(self.found))
        if known == len(self.found):
            self.found.append(value)
        return known


def read(written: list[Any], values: list[Any]) -> Frame:
    """Return the tree that was written."""
    kept, below = written
    return Frame(
        {name: values[place] for name, place in kept.items()},
        {name: read(frame, values) for name, frame in below.items()},
    )
