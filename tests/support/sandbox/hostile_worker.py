"""Attempts of native code that has taken over a sandbox process; each names what it reaches for.

The sandbox process finds it as the kind `hostile`: a program is the name of an attempt.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import resource
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

LIBC = ctypes.CDLL(None, use_errno=True)
SEIZE, NEW_USER_NAMESPACE = 0x4206, 0x10000000
IO_RING, PIDFD_OPEN = 425, 434  # the same numbers on all machines


class Target(NamedTuple):
    """The worker, and what a child could reach of it and of its host."""

    pid: int
    address: int  # of bytes in its memory
    port: int  # of a server on its host
    path: str  # of a file that anybody may read and write


class Span(ctypes.Structure):
    """Span of memory (struct iovec)."""

    _fields_ = (("address", ctypes.c_void_p), ("size", ctypes.c_size_t))


def native(name: str, *arguments: Any) -> int:
    """Call a function of the C library."""
    result: int = getattr(LIBC, name)(*arguments)
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def connect(target: Target) -> None:
    with socket.socket() as connection:
        connection.connect(("127.0.0.1", target.port))


def send_datagram(target: Target) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b"a secret", ("127.0.0.1", target.port))


def open_with_a_number_that_is_free(target: Target) -> None:
    """Close standard error first: its number is below any limit."""
    os.close(2)
    os.close(os.open(target.path, os.O_RDONLY))


def read_memory(target: Target) -> None:
    room = ctypes.create_string_buffer(8)
    here, there = Span(ctypes.addressof(room), 8), Span(target.address, 8)
    native("process_vm_readv", target.pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)


def fork(_target: Target) -> None:
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)


def opening(path: str, flags: int) -> Callable[[Target], None]:
    """Return an attempt to open a file, of the worker's where the path has `{pid}`."""

    def attempt(target: Target) -> None:
        os.close(os.open(path.format(pid=target.pid, path=target.path), flags))

    return attempt


# Whatever one means of confinement lacks, the others refuse these.
ATTEMPTS: dict[str, Callable[[Target], Any]] = {
    "connect": connect,
    "send a datagram": send_datagram,
    "open a socket of this host": lambda _: socket.socket(socket.AF_UNIX).close(),
    "read a file": opening("{path}", os.O_RDONLY),
    "write a file": opening("{path}", os.O_WRONLY | os.O_TRUNC),
    "make a file": opening("{path}.new", os.O_WRONLY | os.O_CREAT),
    "read a file under a free number": open_with_a_number_that_is_free,
    "read the worker's environment": opening("/proc/{pid}/environ", os.O_RDONLY),
    "open the worker's memory": opening("/proc/{pid}/mem", os.O_RDWR),
    "list the worker's files": opening("/proc/{pid}/fd", os.O_RDONLY),
    "copy the worker's memory": read_memory,
    "trace the worker": lambda target: native("ptrace", SEIZE, target.pid, None, None),
    "signal the worker": lambda target: os.kill(target.pid, 0),
    "hold the worker by a descriptor": lambda target: native("syscall", PIDFD_OPEN, target.pid, 0),
    "use a ring of requests": lambda _: native(
        "syscall", IO_RING, 1, ctypes.create_string_buffer(120)
    ),
    "fork": fork,
    "become root": lambda _: os.setuid(0),
    "raise its limits": lambda _: resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99)),
}
# The filter of system calls refuses these too.
ATTEMPTS_WITHIN: dict[str, Callable[[Target], Any]] = {
    "signal everybody": lambda _: os.kill(-1, 0),  # succeeds where everybody refuses
    "limit the worker": lambda target: resource.prlimit(target.pid, resource.RLIMIT_NOFILE, (9, 9)),
    "be traced by others": lambda _: native("prctl", 4, 1, 0, 0, 0),
    "have memory to execute": lambda _: mmap.mmap(-1, 4096, prot=mmap.PROT_EXEC).close(),
    "share memory": lambda _: native("shmget", 0, 4096, 0o600),
    "have its own namespace": lambda _: native("unshare", NEW_USER_NAMESPACE),
    "trace itself": lambda _: native("ptrace", 0, 0, None, None),
    "execute a program": lambda _: os.execv("/bin/true", ["true"]),  # noqa: S606 - that is the attempt
}

# Answers that no process of ours gives; the rest of the frame is never sent.
LIES = {
    "a frame of four gigabytes": b"\xff\xff\xff\xff",
    "a frame of no bytes": bytes(4),
    "no JSON": struct.pack(">IcQQ", 21, b"=", 0, 0) + b"lies",
}


def outcome(name: str, target: Target) -> str:
    """Return the name of the error with which an attempt was refused, or "done"."""
    try:
        (ATTEMPTS | ATTEMPTS_WITHIN)[name](target)
    except ValueError:  # of a limit that may not be raised
        return "EPERM"
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


class Attempt:
    """Program that makes an attempt on the target of its input."""

    def __init__(self, source: str) -> None:
        self._name = source

    def input_text(self, text: str) -> Iterator[str]:
        """Yield the outcome, after the lie if it is one."""
        if self._name in LIES:
            os.write(1, LIES[self._name])
            return
        yield outcome(self._name, Target(*json.loads(text)))


def compiler() -> Callable[[str], Attempt]:
    """Return the compiler of attempts."""
    return Attempt
