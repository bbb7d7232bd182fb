"""Helpers for sandbox processes on a busy machine."""

from __future__ import annotations

import array
import contextlib
import fcntl
import termios
from collections.abc import Callable
from typing import Any

from engine.expressions.sandbox.fair_queue import BusyError


def until_the_machine_has_time(work: Callable[[], Any]) -> Any:
    while True:
        with contextlib.suppress(BusyError):
            return work()


def unread_bytes(child: Any) -> int:
    """Return how many bytes wait in the pipe to a child."""
    count = array.array("i", [0])
    fcntl.ioctl(child._in.fileno(), termios.FIONREAD, count)  # noqa: SLF001 - children are not for callers
    return count[0]
