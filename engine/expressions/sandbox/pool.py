"""Pools of sandbox processes; a process whose program exceeded its limits is replaced."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from engine.expressions.sandbox.cache import OutputCache
from engine.expressions.sandbox.fair_queue import (
    ACCOUNT,
    WAIT_BUDGET,
    BusyError,
    FairQueue,
    WaitBudget,
    Waiter,
)
from engine.expressions.sandbox.process import OVER, BrokenError, ProgramError, SandboxProcess
from engine.expressions.sandbox.worker import ANSWER, GROWN_BYTES_MAX, VALUE

__all__ = ["BrokenError", "BusyError", "Pool", "ProgramError", "ProgramOutput", "get_pool"]

# Limit of waiting for a process and for its answer, below Temporal's deadlock detector. A program's
# own limit is in CPU time, so an evaluation that takes longer waits for the machine.
WAIT_SECONDS_MAX = 1.5
YAML_WAIT_SECONDS_MAX = 18.0  # where no workflow task waits: a local activity may take 20 seconds
WAIT_SECONDS_MIN = 0.2  # with less remaining, no evaluation starts
CLOSE_SECONDS_MAX = 5.0  # longer than any evaluation may take
# The regular expressions have a limit of their own, about as large as ours. Which of the two ends a
# program first is chance, and a replay must have the same result.
_REGEX_LIMIT = b"Regex failure: retry-limit-in-match over"

DEFAULT_SIZE = 4
SIZES = {"yaml": 2}  # of pools, by kind; the others have DEFAULT_SIZE
RESULTS = {ProgramError: "error", BrokenError: "killed", BusyError: "busy"}


@dataclass(frozen=True, slots=True)
class ProgramOutput:
    """First output of a program, None when it has none, and its cost: zero without a process."""

    value: Any
    cpu_seconds: float = 0.0
    size: int = 0  # bytes of the input and of the answer


Observer = Callable[[str, str, float], None]  # kind, result, seconds of CPU time


def _ignore(_kind: str, _result: str, _cpu_seconds: float) -> None:
    pass


class Pool:
    """Sandbox processes, started when first needed; each serves one thread at a time.

    They are more than the cores: programs of one account that use all their time leave processes to
    the others.
    """

    def __init__(self, size: int = DEFAULT_SIZE, *, kind: str = "jq") -> None:
        self._kind = kind
        self._size = size
        # One process at least stays free of each account.
        self._queue: FairQueue[SandboxProcess | None] = FairQueue(
            [None] * size, share=max(1, size - 1)
        )
        self._cache = OutputCache()
        self.observer: Observer = _ignore

    def evaluate(self, source: str, data: Any) -> ProgramOutput:
        """Run a program on one input and return its first output.

        :raises ProgramError: when the program does not compile or fails.
        :raises BrokenError: when it exceeds its limits.
        :raises BusyError: when the machine has no time for it; a new attempt may succeed.
        """
        return self._observe(source, _dumps(data))

    def check(self, source: str) -> None:
        """Compile a program without running it.

        :raises ProgramError: when the program does not compile.
        :raises BrokenError: when its compilation exceeds the limits.
        :raises BusyError: when the machine has no time for it; a new attempt may succeed.
        """
        self._observe(source, b"")

    def close(self) -> None:
        """End every process that becomes free in time; a later use starts new ones."""
        waiters: list[Waiter[SandboxProcess | None]] = [Waiter("") for _ in range(self._size)]
        for waiter in waiters:
            try:
                process = self._queue.take(waiter, CLOSE_SECONDS_MAX)
            except BusyError:
                continue  # its caller was interrupted: the system ends it with this process
            if process is not None:
                process.end()
        for waiter in waiters:
            self._queue.leave(waiter, None)

    def _observe(self, source: str, text: bytes) -> ProgramOutput:
        """Evaluate a program, and report its result to the observer."""
        result, seconds = "interrupted", 0.0
        try:
            output = self._evaluate(source, text)
            result, seconds = "value", output.cpu_seconds
        except (ProgramError, BrokenError, BusyError) as fault:
            result = RESULTS[type(fault)]
            raise
        finally:
            self.observer(self._kind, result, seconds)
        return output

    def _evaluate(self, source: str, text: bytes) -> ProgramOutput:
        key = (ACCOUNT.get(), source, text)
        answer = self._cache.get(key)
        if answer is None:
            task_budget = WAIT_BUDGET.get()
            budget, seconds_max = task_budget or WaitBudget(), WAIT_SECONDS_MAX
            if task_budget is None and self._kind == "yaml":
                seconds_max = YAML_WAIT_SECONDS_MAX
            seconds, start = budget.remaining(seconds_max), time.monotonic()
            if seconds < WAIT_SECONDS_MIN:
                raise BusyError("the workflow task has waited too long for sandbox processes")
            try:
                answer = self._evaluate_in_process(source, text, seconds)
            finally:
                budget.spend(time.monotonic() - start)
            self._cache.store(key, answer)
        return _parse_answer(answer, len(text))

    def _evaluate_in_process(self, source: str, text: bytes, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        process: SandboxProcess | None = None
        next_process: SandboxProcess | None = None
        waiter: Waiter[SandboxProcess | None] = Waiter(ACCOUNT.get())
        try:
            process = self._queue.take(waiter, seconds)
            # The system may have ended a process that was idle: that is not the program's fault.
            if process is not None and not process.is_alive():
                process.end()
                process = None
            process = process or SandboxProcess(self._kind)
            answer = process.evaluate(source.encode(), text, deadline)
            _, _, grown_bytes = ANSWER.unpack_from(answer)
            next_process = process if grown_bytes < GROWN_BYTES_MAX else None
        finally:
            try:
                if next_process is None and process is not None:
                    process.end()
                    next_process = SandboxProcess(self._kind)  # ready before a caller needs it
            finally:  # whatever is raised in this thread meanwhile, the item returns to the queue
                self._queue.leave(waiter, next_process)
        return answer


_pools: dict[tuple[int, str], Pool] = {}
_pools_lock = threading.Lock()


def get_pool(kind: str = "jq") -> Pool:
    """Return this process's pool of a kind: `jq`, `json_schema`, `redaction` or `yaml`."""
    with _pools_lock:
        size = SIZES.get(kind, DEFAULT_SIZE)
        # A fork has pools of its own.
        return _pools.setdefault((os.getpid(), kind), Pool(size, kind=kind))


def _parse_answer(answer: bytes, input_size: int) -> ProgramOutput:
    status, nanoseconds, _ = ANSWER.unpack_from(answer)
    payload = answer[ANSWER.size :]
    if status != VALUE and _REGEX_LIMIT in payload:
        raise BrokenError(OVER)
    if status != VALUE:
        raise ProgramError(payload.decode(errors="replace"))
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:  # no process of ours writes so
        raise BrokenError(OVER) from None
    return ProgramOutput(value, nanoseconds / 1e9, input_size + len(payload))


def _dumps(data: Any) -> bytes:
    try:
        return orjson.dumps(data)
    except TypeError:  # integers past 64 bits
        return json.dumps(data).encode()
