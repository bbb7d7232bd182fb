"""Linux system calls that Python's library lacks, for a process that gives up its rights.

They need the standard library alone: a sandbox process calls them.
"""

from __future__ import annotations

import ctypes
import os
import sys

# Number of a system call on each machine for which filters are written; None where there is none.
MACHINES = ("x86_64", "aarch64")
Numbers = tuple[int | None, int | None]

_C_LIBRARY = ctypes.CDLL(None, use_errno=True)
_DUMPABLE, _NO_NEW_PRIVILEGES = 4, 38  # options of prctl(2)


def find_machine() -> int:
    """Return the index of this machine in MACHINES.

    :raises OSError: when it is another, or the system is not Linux.
    """
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in MACHINES:
        raise OSError(f"no system call of {sys.platform} on {machine} is known")
    return MACHINES.index(machine)


def call(numbers: Numbers, *arguments: int | bytes | ctypes.c_void_p | None) -> int:
    """Execute a system call and return its result.

    :raises OSError: when it fails, or this machine has no number for it.
    """
    number = numbers[find_machine()]
    if number is None:
        raise OSError("this machine has no such system call")
    return _check(_C_LIBRARY.syscall(*map(_argument, (number, *arguments))))


def hide_memory() -> None:
    """Forbid other processes of this user to read or trace this one: it is not dumpable.

    Its files in /proc then belong to root, and it leaves no core dump. The next exec undoes it.
    Systems other than Linux have no such rule.
    """
    _control_process(_DUMPABLE, 0)


def forbid_new_privileges() -> None:
    """Forbid this process, for good, to gain rights by an exec; filters require it."""
    _control_process(_NO_NEW_PRIVILEGES, 1)


def _control_process(option: int, value: int) -> None:
    if sys.platform == "linux":
        _check(_C_LIBRARY.prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0))))


def _argument(value: int | bytes | ctypes.c_void_p | None) -> object:
    return ctypes.c_long(value) if isinstance(value, int) else value


def _check(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
