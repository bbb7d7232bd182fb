"""Frames: the position of each list, loop, try, fork and wait, in a tree like the document.

How a construct takes part:

* By default it does not. The interpreter finishes what its task is in the middle of (a call, a
  child workflow) before the execution continues as new. The tasks that such a construct runs itself
  never stop at a safe point. Its frame is *pinned*: nothing in it outlives the run.
* A construct with the class attribute `resumes = True` has a frame of its own in `scope.frame`. It
  promises: `run`, called again with the same data and this frame, continues where it was at the
  last safe point and does nothing twice. It stores what it needs for that as JSON in `frame.state`,
  before it awaits anything. It stores the time when something is due (seconds since the epoch),
  never a length of time.
* It runs its lists of tasks by `interpreter.run_tasks(tasks, data, scope, part=…)`, which has a
  frame for each part.
* Between two pieces of work it calls `await interpreter.quiescence.safe_point(frame)`, after
  `state` says that the first is done: a run that continues there must not reach the same safe point
  again.
* It waits for a long time, once everything is in `state`, inside `with
  interpreter.quiescence.idle(frame):`. The run may end while it waits. The next run calls `run`
  again, which waits for the rest.
* Each strand that runs beside others is inside `with interpreter.quiescence.strand(frame):`, and
  what waits for the strands is inside `idle`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Frame:
    """Position of one piece of an execution: its state, and the frames of the pieces inside it."""

    state: dict[str, Any] = field(default_factory=dict)
    children: dict[str, Frame] = field(default_factory=dict)
    pinned: bool = False

    @contextmanager
    def child(self, name: str, *, pinned: bool = False) -> Iterator[Frame]:
        """Provide the frame of an inner piece while the block runs: a stored one if there is one.

        A block that fails leaves the frame as it is, so that the piece can be retried. A construct
        that catches the error removes the frame.
        """
        if pinned or self.pinned:
            yield Frame(pinned=True)
            return
        yield self.children.setdefault(name, Frame())
        self.children.pop(name, None)

    def values(self) -> Iterator[Any]:
        """Yield all values in the state of this frame and of the frames inside it."""
        frames = [self]
        while frames:
            frame = frames.pop()
            yield from frame.state.values()
            frames += frame.children.values()

    def to_json(self, table: ValueTable) -> list[Any]:
        """Return the tree as JSON, each value replaced by its index in the table."""
        state = {name: table.index_of(value) for name, value in self.state.items()}
        return [state, {name: frame.to_json(table) for name, frame in self.children.items()}]

    @classmethod
    def from_json(cls, tree: list[Any], values: list[Any]) -> Frame:
        """Return the tree that `to_json` described, given the values of its table."""
        state, children = tree
        return cls(
            {name: values[index] for name, index in state.items()},
            {name: cls.from_json(frame, values) for name, frame in children.items()},
        )


@dataclass(slots=True)
class ValueTable:
    """Table of values: a value in the state of many frames is written once."""

    values: list[Any] = field(default_factory=list)
    _indexes: dict[int, int] = field(default_factory=dict)

    def index_of(self, value: Any) -> int:
        """Return the index of a value, which is added when it is new."""
        index = self._indexes.setdefault(id(value), len(self.values))
        if index == len(self.values):
            self.values.append(value)
        return index
