"""A few confined child processes that evaluate jq, replaced when a program breaks one."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from engine.interpreter.expressions.answers import Answers
from engine.interpreter.expressions.child import ANSWER, GROWN_BYTES_MAX, HEADER, VALUE
from engine.interpreter.expressions.places import ACCOUNT, PATIENCE, BusyError, Patience, Places, Taker

# Of waiting for a child and for its answer, under Temporal's deadlock detector. The budget is the child's CPU
# time, so what takes longer waits for the machine: that is no program's fault.
PATIENCE_SECONDS = 1.5
LEAST_SECONDS = 0.2  # with less left it is not worth beginning
CLOSE_SECONDS_MAX = 5.0  # longer than any evaluation may take
# The regular expressions' own budget, about as large as ours: which of the two ends first is chance, and a
# replay that met the other must not take another way.
_TIRED = b"Regex failure: retry-limit-in-match over"
_OVER = "an expression used more time or memory than it may"
_CHILD = Path(__file__).with_name("child.py")


class ProgramError(Exception):
    """The program does not compile, or failed on its input: the text says why."""


class BrokenError(Exception):
    """The program broke its budget of time or memory, and with it the child."""


RESULTS = {ProgramError: "error", BrokenError: "killed", BusyError: "busy"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The first output of a program (None when it had none) and what it cost: nothing without a child."""

    value: Any
    cpu_seconds: float = 0.0
    told: int = 0  # bytes that the child was asked on, and that it answered


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
        self._places: Places[_Child | None] = Places([None] * size)
        self._answers = Answers()
        self.tell: Tell = _silent

    def evaluate(self, source: str, data: Any) -> Answer:
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
        takers: list[Taker[_Child | None]] = [Taker("") for _ in range(self._size)]
        for taker in takers:
            try:
                child = self._places.take(taker, CLOSE_SECONDS_MAX)
            except BusyError:
                continue  # its user was interrupted: the system ends it with this process
            if child is not None:
                child.end()
        for taker in takers:
            self._places.leave(taker, None)

    def _told(self, source: str, text: bytes) -> Answer:
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

    def _ask(self, source: str, text: bytes) -> Answer:
        asked = (ACCOUNT.get(), source, text)
        answer = self._answers.get(asked)
        if answer is None:
            patience = PATIENCE.get() or Patience()
            left, began = patience.left(PATIENCE_SECONDS), time.monotonic()
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
        child: _Child | None = None
        kept: _Child | None = None
        taker: Taker[_Child | None] = Taker(ACCOUNT.get())
        try:
            child = self._places.take(taker, seconds)
            # One that was idle may have been ended by the system meanwhile: that is not the program's fault.
            if child is not None and not child.alive():
                child.end()
                child = None
            child = child or _Child(self._kind)
            answer = child.ask(source.encode(), text, deadline)
            _, _, grown_bytes = ANSWER.unpack_from(answer)
            kept = child if grown_bytes < GROWN_BYTES_MAX else None
        finally:
            try:
                if kept is None and child is not None:
                    child.end()
                    kept = _Child(self._kind)  # it is ready by the time somebody needs it
            finally:  # whatever is thrown into this thread meanwhile, the place is not lost
                self._places.leave(taker, kept)
        return answer


class _Child:
    """One confined process and the pipes to it."""

    def __init__(self, kind: str) -> None:
        command = [sys.executable, "-I", "-S", str(_CHILD), kind, *_import_paths()]
        self._process = subprocess.Popen(  # noqa: S603 - our own file, no user text
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"TZ": "UTC0"},
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101 - same
        self._in, self._out = self._process.stdin, self._process.stdout

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, source: bytes, text: bytes, deadline: float) -> bytes:
        try:
            rest = memoryview(HEADER.pack(len(source)) + source + HEADER.pack(len(text)) + text)
            while rest:
                rest = rest[os.write(self._in.fileno(), rest) :]
            return self._read(HEADER.unpack(self._read(HEADER.size, deadline))[0], deadline)
        except (OSError, EOFError):
            raise self._why() from None

    def _why(self) -> Exception:
        """Return why the child ended: a budget ends it by other signals than the system does."""
        if self._process.wait() == -signal.SIGKILL:
            return BusyError("the system ended a child")
        return BrokenError(_OVER)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._in.close()
        self._out.close()

    def _read(self, size: int, deadline: float) -> bytes:
        parts = bytearray()
        poll = select.poll()
        poll.register(self._out.fileno(), select.POLLIN)
        while len(parts) < size:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise BusyError("a program waited too long for the machine")
            part = os.read(self._out.fileno(), size - len(parts))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)


_shared: dict[tuple[int, str], Pool] = {}
_sharing = threading.Lock()


def shared(kind: str = "jq") -> Pool:
    """Return this process's pool for `jq` programs, a `schema` or a `redaction`; a fork gets its own."""
    with _sharing:
        return _shared.setdefault((os.getpid(), kind), Pool(kind=kind))


def _understood(answer: bytes, told: int) -> Answer:
    status, nanoseconds, _ = ANSWER.unpack_from(answer)
    payload = answer[ANSWER.size :]
    if status != VALUE and _TIRED in payload:
        raise BrokenError(_OVER)
    if status != VALUE:
        raise ProgramError(payload.decode(errors="replace"))
    return Answer(orjson.loads(payload), nanoseconds / 1e9, told + len(payload))


def _dumps(data: Any) -> bytes:
    try:
        return orjson.dumps(data)
    except TypeError:  # integers past 64 bits
        return json.dumps(data).encode()


def _import_paths() -> list[str]:
    found = (importlib.util.find_spec(name) for name in ("jq", "orjson", "jsonschema"))
    origins = [Path(spec.origin) for spec in found if spec is not None and spec.origin is not None]
    folders = {at.parent.parent if at.name == "__init__.py" else at.parent for at in origins}
    return [*map(str, sorted(folders)), str(_CHILD.parent)]
