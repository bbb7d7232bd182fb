"""A few confined child processes that evaluate jq, replaced when a program breaks one."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from engine.expressions.sandbox.cache import Answers
from engine.expressions.sandbox.fair_queue import (
    ACCOUNT,
    PATIENCE,
    BusyError,
    Patience,
    Places,
    Taker,
)
from engine.expressions.sandbox.process import OVER, BrokenError, Child, ProgramError
from engine.expressions.sandbox.worker import ANSWER, GROWN_BYTES_MAX, VALUE

__all__ = ["ProgramOutput", "BrokenError", "BusyError", "Pool", "ProgramError", "shared"]

# Of waiting for a child and for its answer, under Temporal's deadlock detector. The budget is the child's CPU
# time, so what takes longer waits for the machine: that is no program's fault.
PATIENCE_SECONDS = 1.5
YAML_PATIENCE_SECONDS = 18.0  # where no workflow task waits: a local activity may take twenty
LEAST_SECONDS = 0.2  # with less left it is not worth beginning
CLOSE_SECONDS_MAX = 5.0  # longer than any evaluation may take
# The regular expressions' own budget, about as large as ours: which of the two ends first is chance, and a
# replay that met the other must not take another way.
_TIRED = b"Regex failure: retry-limit-in-match over"


SIZES = {"yaml": 2}  # of pools; what is not named has four
RESULTS = {ProgramError: "error", BrokenError: "killed", BusyError: "busy"}


@dataclass(frozen=True, slots=True)
class ProgramOutput:
    """The first output of a program (None when it had none) and what it cost: nothing without a child."""

    value: Any
    cpu_seconds: float = 0.0
    size: int = 0  # bytes that the child was asked on, and that it answered


Tell = Callable[[str, str, float], None]  # the kind, how it ended, and the seconds of CPU it took


def _silent(_kind: str, _result: str, _cpu_seconds: float) -> None:
    pass


class Pool:
    """Child processes, started when first needed; each serves one thread at a time.

    There are more than cores: a stranger's programs that burn their budget leave others a child.
    """

    def __init__(self, size: int = 4, *, kind: str = "jq") -> None:
        self._kind = kind
        self._size = size
        self._places: Places[Child | None] = Places([None] * size)
        self._answers = Answers()
        self.tell: Tell = _silent

    def evaluate(self, source: str, data: Any) -> ProgramOutput:
        """Run a program on one input and return its first output.

        :raises ProgramError: when it does not compile or fails.
        :raises BrokenError: when it breaks its budget.
        :raises BusyError: when the machine has no time for it: it may be tried again.
        """
        return self._told(source, _dumps(data))

    def check(self, source: str) -> None:
        """Compile a program without running it.

        :raises ProgramError: when it does not compile.
        :raises BrokenError: when compiling breaks the budget.
        :raises BusyError: when the machine has no time for it: it may be tried again.
        """
        self._told(source, b"")

    def close(self) -> None:
        """End every child that is given back in time; the pool may be used again, with new ones."""
        takers: list[Taker[Child | None]] = [Taker("") for _ in range(self._size)]
        for taker in takers:
            try:
                child = self._places.take(taker, CLOSE_SECONDS_MAX)
            except BusyError:
                continue  # its user was interrupted: the system ends it with this process
            if child is not None:
                child.end()
        for taker in takers:
            self._places.leave(taker, None)

    def _told(self, source: str, text: bytes) -> ProgramOutput:
        """Ask a child, and tell whoever counts how that ended."""
        result, seconds = "interrupted", 0.0
        try:
            answer = self._ask(source, text)
            result, seconds = "value", answer.cpu_seconds
        except (ProgramError, BrokenError, BusyError) as fault:
            result = RESULTS[type(fault)]
            raise
        finally:
            self.tell(self._kind, result, seconds)
        return answer

    def _ask(self, source: str, text: bytes) -> ProgramOutput:
        asked = (ACCOUNT.get(), source, text)
        answer = self._answers.get(asked)
        if answer is None:
            stretch = PATIENCE.get()
            patience, most = stretch or Patience(), PATIENCE_SECONDS
            if stretch is None and self._kind == "yaml":
                most = YAML_PATIENCE_SECONDS
            left, began = patience.left(most), time.monotonic()
            if left < LEAST_SECONDS:
                raise BusyError("so much waited for children already")
            try:
                answer = self._served(source, text, left)
            finally:
                patience.spend(time.monotonic() - began)
            self._answers.put(asked, answer)
        return _understood(answer, len(text))

    def _served(self, source: str, text: bytes, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        child: Child | None = None
        kept: Child | None = None
        taker: Taker[Child | None] = Taker(ACCOUNT.get())
        try:
            child = self._places.take(taker, seconds)
            # One that was idle may have been ended by the system meanwhile: that is not the program's fault.
            if child is not None and not child.alive():
                child.end()
                child = None
            child = child or Child(self._kind)
            answer = child.ask(source.encode(), text, deadline)
            _, _, grown_bytes = ANSWER.unpack_from(answer)
            kept = child if grown_bytes < GROWN_BYTES_MAX else None
        finally:
            try:
                if kept is None and child is not None:
                    child.end()
                    kept = Child(self._kind)  # it is ready by the time somebody needs it
            finally:  # whatever is thrown into this thread meanwhile, the place is not lost
                self._places.leave(taker, kept)
        return answer


_shared: dict[tuple[int, str], Pool] = {}
_sharing = threading.Lock()


def shared(kind: str = "jq") -> Pool:
    """Return this process's pool for `jq`, `schema`, `redaction` or `yaml`; a fork gets its own."""
    with _sharing:
        return _shared.setdefault((os.getpid(), kind), Pool(SIZES.get(kind, 4), kind=kind))


def _understood(answer: bytes, told: int) -> ProgramOutput:
    status, nanoseconds, _ = ANSWER.unpack_from(answer)
    payload = answer[ANSWER.size :]
    if status != VALUE and _TIRED in payload:
        raise BrokenError(OVER)
    if status != VALUE:
        raise ProgramError(payload.decode(errors="replace"))
    return ProgramOutput(orjson.loads(payload), nanoseconds / 1e9, told + len(payload))


def _dumps(data: Any) -> bytes:
    try:
        return orjson.dumps(data)
    except TypeError:  # integers past 64 bits
        return json.dumps(data).encode()
