"""The process that runs strangers' programs and schemas: no environment, no files, little memory and time.

Started as `python -I -S worker.py KIND <import path>…`; a request is two length-prefixed frames (program,
schema or secrets; input text), an answer one: a status byte, the nanoseconds of CPU it took, the
bytes of address space the process has grown by since it started, and JSON or an error's text.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

PROGRAMS_MAX = 256
MEMORY_BYTES_MAX = 128 * 1024 * 1024
CPU_SECONDS_MAX = 0.25
# More for what a program is asked on, up to a size: small values are slow to read, and large in memory.
TEXT_BYTES_MAX = 1024 * 1024
CPU_SECONDS_PER_BYTE = 0.25 / TEXT_BYTES_MAX
MEMORY_BYTES_PER_BYTE = 64
GROWN_BYTES_MAX = (
    96 * 1024 * 1024
)  # past that the process is replaced: what it keeps is no program's
TRIMMED_BYTES_MIN = 16 * 1024 * 1024  # grown by less it is left as it is
RESULT_BYTES_MAX = 1024 * 1024

HEADER = struct.Struct(">I")
ANSWER = struct.Struct(">cQQ")
VALUE, ERROR = b"=", b"!"


class ResourceLimits(NamedTuple):
    """What one program may use, beside what it is given for its input, and how large its answer may be."""

    cpu_seconds: float
    memory_bytes: int
    result_bytes: int


PROGRAM = ResourceLimits(CPU_SECONDS_MAX, MEMORY_BYTES_MAX, RESULT_BYTES_MAX)
# Whole documents may take longer: they are read once, and no workflow task waits for a large one.
DOCUMENT = ResourceLimits(8.0, 512 * 1024 * 1024, 16 * 1024 * 1024)


class Compiled(Protocol):
    """A program, or a schema, ready for input."""

    def input_text(self, text: str) -> Iterable[Any]:
        """Return its outputs for one JSON text."""
        ...


def serve() -> None:
    """Answer requests until the parent closes the pipe."""
    kind, *paths = sys.argv[1:]
    sys.path += paths
    compiler = _jq() if kind == "jq" else _ours(kind)
    limits = PROGRAM
    if kind == "yaml":
        limits = DOCUMENT
        os.nice(10)  # programs go first
    dumps, memory = _dumps(), Memory()
    _confine()
    programs: dict[str, Compiled] = {}
    while True:
        source, text = _read().decode(), _read().decode()
        size = min(len(text), TEXT_BYTES_MAX)
        memory.allow(limits.memory_bytes + size * MEMORY_BYTES_PER_BYTE)
        begun = resource.getrusage(resource.RUSAGE_SELF)
        # SIGPROF ends the process by default: neither libjq nor a regular expression can be interrupted.
        signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds + size * CPU_SECONDS_PER_BYTE)
        status, payload = _answer(programs, source, text, compiler=compiler, dumps=dumps)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if len(payload) > limits.result_bytes:
            status, payload = ERROR, b"the result is larger than %d bytes" % limits.result_bytes
        nanoseconds = _nanoseconds_since(begun)
        if memory.grown() > TRIMMED_BYTES_MIN:
            programs.clear()  # each keeps the last input that it was asked on
            memory.trim()
        _write(ANSWER.pack(status, nanoseconds, memory.grown()) + payload)


class Memory:
    """The address space: each program may take as much more of it, whatever those before have left behind."""

    def __init__(self) -> None:
        # Elsewhere than on Linux the kernel has no such file, and may know no such limit.
        self._statm = os.open("/proc/self/statm", os.O_RDONLY) if sys.platform == "linux" else None
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._held = self._bytes()

    def allow(self, size: int) -> None:
        """Let the next program have so many bytes."""
        if self._statm is not None:
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (self._bytes() + size, most))

    def grown(self) -> int:
        """Return by how many bytes the process is larger than in the beginning."""
        return max(0, self._bytes() - self._held)

    def trim(self) -> None:
        """Give back what is free, where the allocator can."""
        gc.collect()
        if self._trim is not None:
            self._trim(0)

    def _bytes(self) -> int:
        if self._statm is None:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return int(os.pread(self._statm, 64, 0).split()[0]) * resource.getpagesize()


def _jq() -> Callable[[str], Compiled]:
    import jq  # noqa: PLC0415 - needed in a jq child alone

    found: Callable[[str], Compiled] = jq.compile
    return found


def _ours(kind: str) -> Callable[[str], Compiled]:
    # Formats are not asserted here, and where the checker of one is installed it takes seconds to load.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    # By its bare name: there is no package of ours in here, only this folder.
    found: Callable[[str], Compiled] = importlib.import_module(f"{kind}_worker").compiler()
    return found


def _dumps() -> Callable[[Any], bytes]:
    import orjson  # noqa: PLC0415 - found only on the path given on the command line

    def dumps(value: Any) -> bytes:
        try:
            return orjson.dumps(value)
        except TypeError as error:
            if "64-bit" not in str(error):
                raise
            return json.dumps(
                value
            ).encode()  # whole numbers past 2^64: jq's are doubles, and go further

    return dumps


def _answer(
    programs: dict[str, Compiled],
    source: str,
    text: str,
    *,
    compiler: Callable[[str], Compiled],
    dumps: Callable[[Any], bytes],
) -> tuple[bytes, bytes]:
    try:
        program = programs.get(source)
        if program is None:
            if len(programs) >= PROGRAMS_MAX:
                programs.pop(next(iter(programs)))
            program = programs[source] = compiler(source)
        if not text:
            return VALUE, b"null"
        payload = dumps(next(iter(program.input_text(text)), None))
    except Exception as error:  # noqa: BLE001 - whatever a stranger's program makes happen is its answer
        return ERROR, str(error).encode(errors="replace")[:4096]
    return VALUE, payload


def _confine() -> None:
    _limit(resource.RLIMIT_NOFILE, 3)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)


def _limit(which: int, value: int) -> None:
    resource.setrlimit(which, (value, value))


def _nanoseconds_since(begun: resource.struct_rusage) -> int:
    ended = resource.getrusage(resource.RUSAGE_SELF)
    return int((ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime) * 1e9)


def _read() -> bytes:
    return _read_exactly(HEADER.unpack(_read_exactly(HEADER.size))[0])


def _read_exactly(size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(0, size - len(parts))
        if not part:
            sys.exit(0)
        parts += part
    return bytes(parts)


def _write(payload: bytes) -> None:
    rest = memoryview(HEADER.pack(len(payload)) + payload)
    while rest:
        rest = rest[os.write(1, rest) :]


if __name__ == "__main__":
    serve()
