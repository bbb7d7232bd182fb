"""When a walk rests: every strand at a safe point or waiting, so that a new run can go on from there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.interpreter.runtime.frames import Frame


@dataclass(slots=True)
class Quiescence:
    """Counts the strands at work; once a rest is due, each stops at its next safe point."""

    is_history_long: Callable[
        [bool], bool
    ]  # whether the history is long enough; told whether to have patience
    every: int = 0  # a rest after so many safe points, whatever the history
    due: bool = False
    _at_work: int = 1
    _pinned: int = 0
    _points: int = 0

    @property
    def reached(self) -> bool:
        """Tell whether all strands rest."""
        return self.due and self._at_work == 0

    async def safe_point(self, frame: Frame) -> None:
        """Go on, or stop here for good when a rest is due: then the next run goes on."""
        if frame.pinned:
            return
        if not self.due:
            self._points += 1
            # What is in flight would keep all the others from work: better to let them, while there is room.
            self.due = self._points == self.every or self.is_history_long(self._pinned > 0)
        if self.due:
            with self.idle(frame):
                await asyncio.get_running_loop().create_future()

    @contextmanager
    def idle(self, frame: Frame) -> Iterator[None]:
        """Count the strand as resting meanwhile."""
        if frame.pinned:
            yield
            return
        self._at_work -= 1
        try:
            yield
        finally:
            self._at_work += 1

    @contextmanager
    def strand(self, frame: Frame) -> Iterator[None]:
        """Count one more strand meanwhile."""
        if frame.pinned:
            yield
            return
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1

    @contextmanager
    def pinning(self, frame: Frame) -> Iterator[None]:
        """Count the work of a pinned frame meanwhile: no rest is reached before it is done."""
        self._pinned += frame.pinned
        try:
            yield
        finally:
            self._pinned -= frame.pinned
