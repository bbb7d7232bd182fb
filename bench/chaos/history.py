"""What was asked and acknowledged, line by line: all that the checker knows of the load."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class History:
    """A file of JSON lines, written by many threads; and when each kind of operation last succeeded."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self._changed = threading.Condition()
        self._begun: dict[str, float] = {}  # of the latest-begun success, by operation
        self._stamps: dict[tuple[str, str], str] = {}  # the newest, by operation and account

    def note(self, operation: str, *, began: float, **about: Any) -> None:
        """Note that an operation, begun at a time of the monotonic clock, was acknowledged now."""
        line = json.dumps(
            {"operation": operation, "began": began, "ended": time.monotonic(), **about}
        )
        with self._changed:
            if self._file.closed:
                return
            self._file.write(line + "\n")
            self._begun[operation] = max(began, self._begun.get(operation, 0.0))
            if "stamp" in about:
                self._stamps[operation, about["account"]] = about["stamp"]
            self._changed.notify_all()

    def await_all(self, operations: set[str], since: float, seconds_max: float) -> bool:
        """Wait until each operation has succeeded that was begun since a time; tell whether all did."""
        with self._changed:
            return self._changed.wait_for(
                lambda: all(self._begun.get(operation, 0.0) >= since for operation in operations),
                seconds_max,
            )

    def await_stamps(self, heads: dict[str, str], seconds_max: float) -> None:
        """Wait until what is pulled and what is heard has come to the head of each account."""
        with self._changed:
            self._changed.wait_for(
                lambda: all(
                    self._stamps.get((operation, account), "") >= head
                    for operation in ("seen", "notice")
                    for account, head in heads.items()
                ),
                seconds_max,
            )

    def late(self, operations: set[str], since: float) -> set[str]:
        """Return which operations have not succeeded since."""
        with self._changed:
            return {
                operation for operation in operations if self._begun.get(operation, 0.0) < since
            }

    def close(self) -> None:
        """Write what is not written yet; what is noted later is not."""
        with self._changed:
            self._file.close()


def read(path: Path) -> Iterator[Entry]:
    """Yield what was noted, in the order of its acknowledgement."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
