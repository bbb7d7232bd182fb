"""Repeats work that children of the interpreter had no time for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from engine.expressions.sandbox.fair_queue import BusyError


def until_the_machine_has_time(work: Callable[[], Any]) -> Any:
    while True:
        with contextlib.suppress(BusyError):
            return work()
