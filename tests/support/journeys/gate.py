"""An HTTP service that holds requests until a test lets them go."""

from __future__ import annotations

from collections import Counter
from threading import Condition


class Gate:
    """A service that answers with what it was sent, but for what it is told to hold."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self.held: set[str] = set()  # paths whose first request is not answered until it is let go
        self.changed = Condition()

    def waits(self, count: int) -> None:
        """Return once so many requests are held."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: self.asked.keys() >= self.held and len(self.held) == count, 60
            )

    def let_go(self) -> None:
        """Answer what is held."""
        with self.changed:
            self.held = set()
            self.changed.notify_all()

    def pass_through(self, path: str) -> None:
        """Count a request, and keep it waiting when it is the first of a path that is held."""
        with self.changed:
            self.asked[path] += 1
            self.changed.notify_all()
            if self.asked[path] == 1:
                self.changed.wait_for(lambda: path not in self.held, 60)
