"""Landlock: the kernel keeps a process from files, connections and signals to others."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

from engine.expressions.sandbox import kernel

_CREATE: kernel.Numbers = (444, 444)
_ADD_RULE: kernel.Numbers = (445, 445)
_RESTRICT: kernel.Numbers = (446, 446)
_ASK_VERSION, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
# Versions from which the kernel controls more: kinds of access to files, TCP, signals and sockets.
_FILE_RIGHTS, _MORE_FILE_RIGHTS_SINCE = 13, (2, 3, 5)
_TCP_SINCE, _SCOPES_SINCE = 4, 6


def restrict(folders: Sequence[str]) -> None:
    """Forbid this thread, for good, to open files, except to read those in the folders.

    Descriptors that are open remain. From version 4 it may not connect by TCP, and from version 6
    it may send no signal to processes outside.

    :raises OSError: when the kernel has no Landlock.
    """
    version = kernel.call(_CREATE, None, 0, _ASK_VERSION)
    rights = _FILE_RIGHTS + sum(version >= since for since in _MORE_FILE_RIGHTS_SINCE)
    tcp = 0b11 if version >= _TCP_SINCE else 0
    scopes = 0b11 if version >= _SCOPES_SINCE else 0
    attributes = struct.pack("=QQQ", (1 << rights) - 1, tcp, scopes)
    ruleset = kernel.call(_CREATE, attributes, len(attributes), 0)
    try:
        for folder in folders:
            _allow_reading(ruleset, folder)
        kernel.call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_reading(ruleset: int, folder: str) -> None:
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        rule = struct.pack("=Qi", _READ_FILE | _READ_FOLDER, descriptor)
        kernel.call(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
