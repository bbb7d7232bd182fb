"""Seccomp filter: the kernel allows a process the listed system calls and refuses all others.

A refused call answers EPERM, so that a program fails and its sandbox process continues.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.expressions.sandbox import kernel


class Condition(NamedTuple):
    """Condition of a call: an argument is equal to a value, or lacks some bits.

    It reads the lower half of the argument: those that are compared here have 32 bits.
    """

    argument: int
    value: int | None = None
    absent_bits: int = 0


class SystemCall(NamedTuple):
    """System call that a filter allows where all conditions hold."""

    numbers: kernel.Numbers
    conditions: Sequence[Condition] = ()


_EXECUTABLE = 4  # PROT_EXEC
_OWN_PROCESS = Condition(0, value=0)


def computation() -> dict[str, SystemCall]:
    """Return the calls of a program that computes, with the descriptors and memory it has."""
    return {
        "read": SystemCall((0, 63)),
        "write": SystemCall((1, 64)),
        "pread64": SystemCall((17, 67)),
        "getrusage": SystemCall((98, 165)),
        "setitimer": SystemCall((38, 103)),
        "prlimit64": SystemCall(
            (302, 261), (_OWN_PROCESS, Condition(1, value=int(resource.RLIMIT_AS)))
        ),
        "brk": SystemCall((12, 214)),
        "mmap": SystemCall((9, 222), (Condition(2, absent_bits=_EXECUTABLE),)),
        "munmap": SystemCall((11, 215)),
        "mremap": SystemCall((25, 216)),
        "mprotect": SystemCall((10, 226), (Condition(2, absent_bits=_EXECUTABLE),)),
        "madvise": SystemCall((28, 233)),
        "futex": SystemCall((202, 98)),
        "sched_yield": SystemCall((24, 124)),
        "rt_sigaction": SystemCall((13, 134)),
        "rt_sigprocmask": SystemCall((14, 135)),
        "rt_sigreturn": SystemCall((15, 139)),
        "sigaltstack": SystemCall((131, 132)),
        "restart_syscall": SystemCall((219, 128)),
        "writev": SystemCall((20, 66)),
        "close": SystemCall((3, 57)),
        "lseek": SystemCall((8, 62)),
        "clock_gettime": SystemCall((228, 113)),
        "gettimeofday": SystemCall((96, 169)),
        "getrandom": SystemCall((318, 278)),
        "getpid": SystemCall((39, 172)),
        "gettid": SystemCall((186, 178)),
        "tgkill": SystemCall((234, 131), (Condition(0, value=os.getpid()),)),  # abort(3)
        "exit": SystemCall((60, 93)),
        "exit_group": SystemCall((231, 94)),
    }


# Calls of a program that also opens files: Landlock says which ones.
FILES = {
    "openat": SystemCall((257, 56)),
    "open": SystemCall((2, None)),
    "fstat": SystemCall((5, 80)),
    "newfstatat": SystemCall((262, 79)),
    "stat": SystemCall((4, None)),
    "access": SystemCall((21, None)),
    "faccessat": SystemCall((269, 48)),
    "fcntl": SystemCall((72, 25)),
    "dup2": SystemCall((33, None)),
    "dup3": SystemCall((292, 24)),
    "memfd_create": SystemCall((319, 279)),
}

_SECCOMP: kernel.Numbers = (317, 277)
_SET_FILTER, _ALL_THREADS = 1, 1
_ARCHITECTURES = (0xC000003E, 0xC00000B7)  # in the order of kernel.MACHINES
# Instructions of classic BPF, and where the kernel lays out a call (struct seccomp_data).
_LOAD, _JUMP_EQUAL, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install(calls: Mapping[str, SystemCall]) -> None:
    """Refuse all system calls of this process but these, for good.

    :raises OSError: when the kernel has no filters, or none is written for this machine.
    """
    text = _assemble(list(calls.values()), kernel.find_machine())
    program = _Program(len(text) // 8, text)
    address = ctypes.cast(ctypes.pointer(program), ctypes.c_void_p)
    if kernel.call(_SECCOMP, _SET_FILTER, _ALL_THREADS, address):
        raise OSError("a thread has another filter")


def _assemble(calls: Sequence[SystemCall], machine: int) -> bytes:
    """Return the filter in BPF: a block of instructions for each call."""
    parts = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_JUMP_EQUAL, _ARCHITECTURES[machine], then=1),
        _instruction(_RETURN, _REFUSE),
        _instruction(_LOAD, _NUMBER),
    ]
    for call in calls:
        number = call.numbers[machine]
        if number is not None:
            block = _assemble_conditions(call.conditions)
            parts += [_instruction(_JUMP_EQUAL, number, otherwise=len(block)), *block]
    return b"".join([*parts, _instruction(_RETURN, _REFUSE)])


def _assemble_conditions(conditions: Sequence[Condition]) -> list[bytes]:
    """Return the instructions that allow a call where the conditions hold, else refuse it."""
    if not conditions:
        return [_instruction(_RETURN, _ALLOW)]
    block = []
    for index, condition in enumerate(conditions):
        rest = 2 * (len(conditions) - index - 1) + 1  # up to the refusal behind the block
        block.append(_instruction(_LOAD, _ARGUMENTS + 8 * condition.argument))
        block.append(
            _instruction(_JUMP_BITS, condition.absent_bits, then=rest)
            if condition.value is None
            else _instruction(_JUMP_EQUAL, condition.value, otherwise=rest)
        )
    return [*block, _instruction(_RETURN, _ALLOW), _instruction(_RETURN, _REFUSE)]


def _instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("<HBBI", code, then, otherwise, value)
