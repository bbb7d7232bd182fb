"""Sandbox process that runs users' programs: no environment, no files, little memory and time.

The kernel also keeps it from the network and from other processes (`confinement`).

Its command line is `python -I -S worker.py KIND <import path>…`. A request is two length-prefixed
frames: the program (or schema, or secrets), and the input text. An answer is one frame: a status
byte, the nanoseconds of CPU time, the bytes by which the address space has grown since the start,
and JSON or the text of an error.
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
# More for the input of a program, up to a size: small values are slow to parse, and large in
# memory.
TEXT_BYTES_MAX = 1024 * 1024
CPU_SECONDS_PER_BYTE = 0.25 / TEXT_BYTES_MAX
MEMORY_BYTES_PER_BYTE = 64
# A process that has grown by more is replaced: what it still holds belongs to no program.
GROWN_BYTES_MAX = 96 * 1024 * 1024
TRIM_BYTES_MIN = 16 * 1024 * 1024  # a process that has grown by less is not trimmed
RESULT_BYTES_MAX = 1024 * 1024

HEADER = struct.Struct(">I")
ANSWER = struct.Struct(">cQQ")
VALUE, ERROR = b"=", b"!"


class ResourceLimits(NamedTuple):
    """Limits of one program, without the share for its input, and the limit of its output."""

    cpu_seconds: float
    memory_bytes: int
    result_bytes: int


PROGRAM = ResourceLimits(CPU_SECONDS_MAX, MEMORY_BYTES_MAX, RESULT_BYTES_MAX)
# Documents may take longer: they are parsed once, and no workflow task waits for a large one.
DOCUMENT = ResourceLimits(8.0, 512 * 1024 * 1024, 16 * 1024 * 1024)


class Compiled(Protocol):
    """Program that is ready for input."""

    def input_text(self, text: str) -> Iterable[Any]:
        """Return the outputs for one JSON text."""
        ...


def serve() -> None:
    """Answer requests until the parent closes the pipe."""
    kind, *paths = sys.argv[1:]
    sys.path += paths
    from engine.expressions.sandbox import kernel  # noqa: PLC0415 - its path was not known before

    kernel.hide_memory()
    compiler = _jq_compiler() if kind == "jq" else _worker_compiler(kind)
    limits = PROGRAM
    if kind == "yaml":
        limits = DOCUMENT
        os.nice(10)  # other programs have priority
    dumps, memory = _json_encoder(), Memory()
    _confine(memory, limits)
    programs: dict[str, Compiled] = {}
    while True:
        source, text = _read().decode(), _read().decode()
        size = min(len(text), TEXT_BYTES_MAX)
        memory.allow(limits.memory_bytes + size * MEMORY_BYTES_PER_BYTE)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        # SIGPROF ends the process by default: neither libjq nor a regular expression can be
        # interrupted.
        signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds + size * CPU_SECONDS_PER_BYTE)
        status, payload = _answer(programs, source, text, compiler=compiler, dumps=dumps)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if len(payload) > limits.result_bytes:
            status, payload = ERROR, b"the result is larger than %d bytes" % limits.result_bytes
        nanoseconds = _nanoseconds_since(usage)
        if memory.growth() > TRIM_BYTES_MIN:
            programs.clear()  # each holds its last input
            memory.trim()
        _write(ANSWER.pack(status, nanoseconds, memory.growth()) + payload)


class Memory:
    """Address space: each program may take the same amount more, whatever earlier programs left."""

    def __init__(self) -> None:
        # Other systems than Linux have no such file, and may have no such limit.
        self._statm = os.open("/proc/self/statm", os.O_RDONLY) if sys.platform == "linux" else None
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._initial_size = self._size()

    def limits(self, limits: ResourceLimits) -> dict[int, int]:
        """Return the limit beyond which `allow` never goes, where the system has one."""
        if self._statm is None:
            return {}
        program_bytes = limits.memory_bytes + TEXT_BYTES_MAX * MEMORY_BYTES_PER_BYTE
        return {resource.RLIMIT_AS: self._initial_size + GROWN_BYTES_MAX + program_bytes}

    def allow(self, size: int) -> None:
        """Limit the address space to so many bytes more than it has."""
        if self._statm is not None:
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (self._size() + size, most))

    def growth(self) -> int:
        """Return by how many bytes the process has grown since the start."""
        return max(0, self._size() - self._initial_size)

    def trim(self) -> None:
        """Return free memory to the system, where the allocator can."""
        gc.collect()
        if self._trim is not None:
            self._trim(0)

    def _size(self) -> int:
        if self._statm is None:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return int(os.pread(self._statm, 64, 0).split()[0]) * resource.getpagesize()


def _jq_compiler() -> Callable[[str], Compiled]:
    import jq  # noqa: PLC0415 - needed in a jq process alone

    compiler: Callable[[str], Compiled] = jq.compile
    return compiler


def _worker_compiler(kind: str) -> Callable[[str], Compiled]:
    # Formats are not checked, and the checker of one, where it is installed, takes seconds to load.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    # By its bare name: the import path has this folder, not our package.
    compiler: Callable[[str], Compiled] = importlib.import_module(f"{kind}_worker").compiler()
    return compiler


def _json_encoder() -> Callable[[Any], bytes]:
    import orjson  # noqa: PLC0415 - on the import path of the command line alone

    def dumps(value: Any) -> bytes:
        try:
            return orjson.dumps(value)
        except TypeError as error:
            if "64-bit" not in str(error):
                raise
            return json.dumps(value).encode()  # integers past 64 bits: jq has them as doubles

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
    except Exception as error:  # noqa: BLE001 - any error is the program's
        return ERROR, str(error).encode(errors="replace")[:4096]
    return VALUE, payload


def _confine(memory: Memory, limits: ResourceLimits) -> None:
    from engine.expressions.sandbox import confinement  # noqa: PLC0415 - as in serve

    # Open descriptors remain: this is the number of new ones.
    most = {resource.RLIMIT_NOFILE: 0, resource.RLIMIT_FSIZE: 0}
    confinement.Confinement(most | memory.limits(limits)).apply()


def _nanoseconds_since(before: resource.struct_rusage) -> int:
    after = resource.getrusage(resource.RUSAGE_SELF)
    return int((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e9)


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
