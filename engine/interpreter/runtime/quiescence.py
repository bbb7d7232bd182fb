"""Quiescence: every strand is at a safe point or idle, so the execution can continue as new."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.interpreter.runtime.frames import Frame


@dataclass(slots=True)
class Quiescence:
    """Counter of the active strands; when quiescence is due, each stops at its next safe point."""

    # Whether the history is so long that the execution should (True: must) continue as new.
    is_history_long: Callable[[bool], bool]
    every: int = 0  # continue as new after so many safe points, whatever the history; 0: never
    due: bool = False
    _active_strands: int = 1
    _pinned: int = 0
    _points: int = 0

    @property
    def is_reached(self) -> bool:
        """Whether quiescence is due and no strand is active."""
        return self.due and self._active_strands == 0

    async def safe_point(self, frame: Frame) -> None:
        """Return, or never return when quiescence is due: then the next run continues from here."""
        if frame.pinned:
            return
        if not self.due:
            self._points += 1
            # A call in flight would block all other strands. They continue while the history has
            # room.
            self.due = self._points == self.every or self.is_history_long(self._pinned > 0)
        if self.due:
            with self.idle(frame):
                await asyncio.get_running_loop().create_future()

    @contextmanager
    def idle(self, frame: Frame) -> Iterator[None]:
        """Count the strand as idle while the block runs."""
        if frame.pinned:
            yield
            return
        self._active_strands -= 1
        try:
            yield
        finally:
            self._active_strands += 1

    @contextmanager
    def strand(self, frame: Frame) -> Iterator[None]:
        """Count one more active strand while the block runs."""
        if frame.pinned:
            yield
            return
        self._active_strands += 1
        try:
            yield
        finally:
            self._active_strands -= 1

    @contextmanager
    def pinning(self, frame: Frame) -> Iterator[None]:
        """Count the work of a pinned frame, which delays quiescence, while the block runs."""
        self._pinned += frame.pinned
        try:
            yield
        finally:
            self._pinned -= frame.pinned
