"""Parent's side of a sandbox process: its start, its end, and the pipes to it."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine.expressions.sandbox.fair_queue import BusyError
from engine.expressions.sandbox.worker import ANSWER, DOCUMENT, HEADER

OVER = "an expression used more time or memory than it may"
ANSWER_BYTES_MAX = ANSWER.size + DOCUMENT.result_bytes
PROBE_SECONDS_MAX = 30.0
_WORKER = Path(__file__).with_name("worker.py")
_PROBE = Path(__file__).with_name("probe.py")


class ProgramError(Exception):
    """The program does not compile, or failed on its input; the text states why."""


class BrokenError(Exception):
    """The program exceeded its limit of time or memory, which ended the sandbox process."""


class SandboxProcess:
    """Sandbox process and the pipes to it."""

    def __init__(self, kind: str) -> None:
        command = [sys.executable, "-I", "-S", str(_WORKER), kind, *_import_paths()]
        self._process = subprocess.Popen(  # noqa: S603 - our own file, without text of users
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"TZ": "UTC0"},
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - requested above
        assert self._process.stdout is not None  # noqa: S101 - same
        self._in, self._out = self._process.stdin, self._process.stdout
        os.set_blocking(self._in.fileno(), False)  # a write takes what the pipe has room for

    def is_alive(self) -> bool:
        """Return whether the process still runs."""
        return self._process.poll() is None

    def evaluate(self, source: bytes, text: bytes, deadline: float) -> bytes:
        """Return the answer of a program to a text, in the form of `worker`.

        :param deadline: in the seconds of `time.monotonic`.
        :raises BrokenError: when the program exceeds its limits.
        :raises BusyError: when there is no answer by the deadline, or the system ended the process.
        """
        try:
            self._write(HEADER.pack(len(source)) + source + HEADER.pack(len(text)) + text, deadline)
            (size,) = HEADER.unpack(self._read(HEADER.size, deadline))
            if ANSWER.size <= size <= ANSWER_BYTES_MAX:
                return self._read(size, deadline)
        except (OSError, EOFError):
            raise self._exit_error() from None
        raise BrokenError(OVER)  # no program of ours answers so: a stranger's controls the process

    def _exit_error(self) -> Exception:
        """Return why the process ended: a limit ends it by another signal than the system does."""
        if self._process.wait() == -signal.SIGKILL:
            return BusyError("the system ended a sandbox process")
        return BrokenError(OVER)

    def end(self) -> None:
        """Kill the process and close its pipes."""
        self._process.kill()
        self._process.wait()
        self._in.close()
        self._out.close()

    def _write(self, data: bytes, deadline: float) -> None:
        """Send data to a process that may have stopped reading."""
        poll = select.poll()
        poll.register(self._in.fileno(), select.POLLOUT)
        rest = memoryview(data)
        while rest:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise BusyError("a program waited too long for the machine")
            rest = rest[os.write(self._in.fileno(), rest) :]

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


def find_missing_means() -> list[str]:
    """Start a process that confines itself, and return the means that this host lacks.

    :raises subprocess.SubprocessError: when it cannot confine itself at all.
    """
    command = [sys.executable, "-I", "-S", str(_PROBE), *_import_paths()]
    answer = subprocess.run(  # noqa: S603 - our own file
        command, check=True, capture_output=True, env={}, cwd="/", timeout=PROBE_SECONDS_MAX
    )
    missing: list[str] = json.loads(answer.stdout)
    return missing


def _import_paths() -> list[str]:
    specs = (importlib.util.find_spec(name) for name in ("jq", "orjson", "jsonschema"))
    origins = [Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None]
    folders = {at.parent.parent if at.name == "__init__.py" else at.parent for at in origins}
    return [*map(str, sorted(folders)), str(_WORKER.parent), str(Path(__file__).parents[3])]
