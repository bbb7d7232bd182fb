"""Cache of sandbox outputs: a workflow task that is retried evaluates all its programs again."""

from __future__ import annotations

import threading
from collections import OrderedDict

ENTRIES_MAX = 1_000
BYTES_MAX = 16 * 1024  # of a program, its input and its output; larger ones are not cached

CacheKey = tuple[str, str, bytes]  # account id, program, input


class OutputCache:
    """Cache of the last outputs, which depend on program and input alone. Threads share it."""

    def __init__(self) -> None:
        self._entries: OrderedDict[CacheKey, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: CacheKey) -> bytes | None:
        """Return the cached output, or None."""
        with self._lock:
            output = self._entries.get(key)
            if output is not None:
                self._entries.move_to_end(key)
            return output

    def store(self, key: CacheKey, output: bytes) -> None:
        """Store an output; past ENTRIES_MAX, drop the least recently used one."""
        if len(key[1]) + len(key[2]) + len(output) > BYTES_MAX:
            return
        with self._lock:
            self._entries[key] = output
            if len(self._entries) > ENTRIES_MAX:
                self._entries.popitem(last=False)
