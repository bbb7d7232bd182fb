"""Pace of work on a peer's data: a task lets others run after each part of a certain weight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ITEM_WEIGHT = 64  # of a read, a message or a header besides its bytes
YIELD_WEIGHT = 16_384
LOOP_BYTES_MAX = 65_536  # of a text that the event loop's own thread parses


class Pace:
    """Count of a task's work since it last let others run."""

    __slots__ = ("_weight",)

    def __init__(self) -> None:
        self._weight = 0

    async def spend(self, weight: int) -> None:
        """Count work; when it is much, let the other tasks of the event loop run."""
        self._weight += weight
        if self._weight >= YIELD_WEIGHT:
            self._weight = 0
            await asyncio.sleep(0)


async def run_by_size(
    size: int, function: Callable[P, T], *arguments: P.args, **options: P.kwargs
) -> T:
    """Return the result of a function on data of a size; for large data it runs in a thread.

    The values of a megabyte of JSON make the garbage collector work longer than the parser.
    """
    if size <= LOOP_BYTES_MAX:
        return function(*arguments, **options)
    return await asyncio.to_thread(function, *arguments, **options)
