"""Confinement of a child process: no files, no network, no other processes, limited memory.

A child calls it once it has imported what it needs, before it reads a stranger's text.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from engine.expressions.sandbox import kernel, landlock, seccomp

OWN_USER, LANDLOCK, SECCOMP = MEANS = ("own_user", "landlock", "seccomp")

# Where systemd's DynamicUser= takes users without an entry from: no file belongs to them.
_USER_MIN, _USER_COUNT = 61_184, 4_336
_LIMITS = {resource.RLIMIT_NPROC: 0, resource.RLIMIT_CORE: 0}


class Confinement(NamedTuple):
    """Remaining rights of a child: limits of resources, folders to read, and system calls."""

    limits: Mapping[int, int] = MappingProxyType({})
    folders: Sequence[str] = ()
    opens_files: bool = False

    def apply(self) -> list[str]:
        """Give up all other rights for good, and return the MEANS that this host lacks."""
        missing = [
            *_find_missing(OWN_USER, _change_user),
            *_find_missing(LANDLOCK, lambda: landlock.restrict(self.folders)),
        ]
        for which, value in (_LIMITS | dict(self.limits)).items():
            resource.setrlimit(which, (value, value))
        calls = seccomp.computation() | (seccomp.FILES if self.opens_files else {})
        return [*missing, *_find_missing(SECCOMP, lambda: seccomp.install(calls))]


def _find_missing(means: str, step: Callable[[], None]) -> list[str]:
    """Take a step, and return its means where the host lacks it."""
    try:
        step()
    except OSError:
        return [means]
    return []


def _change_user() -> None:
    """Become a user of its own, where root started the process; others cannot.

    :raises OSError: when the system forbids it.
    """
    kernel.forbid_new_privileges()
    kernel.hide_memory()
    if sys.platform == "linux" and os.getuid() == 0:
        user = _USER_MIN + os.getpid() % _USER_COUNT
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        kernel.hide_memory()  # the change of user undid it where the host wants core dumps
