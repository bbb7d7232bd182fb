"""The step kinds by the key that tells them apart, and those that are known but not run here."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from engine.interpreter.constructs import (
    call_task,
    do_task,
    emit_task,
    for_task,
    fork_task,
    listen_task,
    raise_task,
    run_task,
    switch_task,
    try_task,
    wait_task,
)
from engine.interpreter.constructs import set_task as set_
from engine.interpreter.runtime.interpreter import Construct
from engine.language.reader import DocumentNode

# `for` before `do`: a loop has both keys.
CONSTRUCTS: dict[str, ModuleType] = {
    "set": set_,
    "switch": switch_task,
    "for": for_task,
    "do": do_task,
    "try": try_task,
    "raise": raise_task,
    "wait": wait_task,
    "call": call_task,
    "fork": fork_task,
    "emit": emit_task,
    "listen": listen_task,
    "run": run_task,
}
NOT_YET: tuple[str, ...] = ()

Reader = Callable[[DocumentNode], Construct]


def keys_of(kind: str) -> tuple[str, ...]:
    """Return the members a step of the kind has of its own."""
    return tuple(CONSTRUCTS[kind].KEYS)


def reader_of(kind: str) -> Reader:
    """Return the function that reads a step of the kind."""
    read: Reader = CONSTRUCTS[kind].read
    return read
