"""Acknowledged operations, line by line: all that the checker knows of the load."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class History:
    """File of JSON lines that many threads write, with the last success of each operation."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self._change = threading.Condition()
        self._starts: dict[str, float] = {}  # of the success that began last, by operation
        self._stamps: dict[tuple[str, str], str] = {}  # the newest, by operation and account

    def note(self, operation: str, *, began: float, **about: Any) -> None:
        """Record that an operation that began at a monotonic time was acknowledged now."""
        line = json.dumps(
            {"operation": operation, "began": began, "ended": time.monotonic(), **about}
        )
        with self._change:
            if self._file.closed:
                return
            self._file.write(line + "\n")
            self._starts[operation] = max(began, self._starts.get(operation, 0.0))
            if "stamp" in about:
                self._stamps[operation, about["account"]] = about["stamp"]
            self._change.notify_all()

    def await_all(self, operations: set[str], since: float, seconds_max: float) -> bool:
        """Wait until each operation that began after a time succeeds; return whether all did."""
        with self._change:
            return self._change.wait_for(
                lambda: all(self._starts.get(operation, 0.0) >= since for operation in operations),
                seconds_max,
            )

    def await_stamps(self, heads: dict[str, str], seconds_max: float) -> None:
        """Wait until the pulls and the live notices have reached the head of each account."""
        with self._change:
            self._change.wait_for(
                lambda: all(
                    self._stamps.get((operation, account), "") >= head
                    for operation in ("seen", "notice")
                    for account, head in heads.items()
                ),
                seconds_max,
            )

    def late(self, operations: set[str], since: float) -> set[str]:
        """Return the operations that have not succeeded since a time."""
        with self._change:
            return {
                operation for operation in operations if self._starts.get(operation, 0.0) < since
            }

    def close(self) -> None:
        """Close the file; later operations are not recorded."""
        with self._change:
            self._file.close()


def read(path: Path) -> Iterator[Entry]:
    """Yield the entries, in the order of their acknowledgement."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
