"""An HTTP service that delays requests until a test releases them."""

from __future__ import annotations

from collections import Counter
from threading import Condition


class Gate:
    """Service that returns each request's body, and delays the first request of some paths."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: Counter[str] = Counter()  # by path
        self.blocked_paths: set[str] = set()  # whose first request waits
        self.change = Condition()

    def waits(self, count: int) -> None:
        """Return once so many requests wait."""
        with self.change:
            assert self.change.wait_for(
                lambda: (
                    self.requests.keys() >= self.blocked_paths and len(self.blocked_paths) == count
                ),
                60,
            )

    def let_go(self) -> None:
        """Answer the waiting requests."""
        with self.change:
            self.blocked_paths = set()
            self.change.notify_all()

    def pass_through(self, path: str) -> None:
        """Count a request, and let it wait when it is the first of a blocked path."""
        with self.change:
            self.requests[path] += 1
            self.change.notify_all()
            if self.requests[path] == 1:
                self.change.wait_for(lambda: path not in self.blocked_paths, 60)
