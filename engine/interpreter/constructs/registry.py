"""Registry of the tasks' constructs, by the key that distinguishes them."""

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
    set_task,
    switch_task,
    try_task,
    wait_task,
)
from engine.interpreter.runtime.interpreter import Construct
from engine.language.document_node import DocumentNode

# `for` comes before `do`: a loop has both keys.
CONSTRUCTS: dict[str, ModuleType] = {
    "set": set_task,
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
    """Return the members that only tasks of the kind have."""
    return tuple(CONSTRUCTS[kind].KEYS)


def reader_of(kind: str) -> Reader:
    """Return the function that reads a task of the kind."""
    read: Reader = CONSTRUCTS[kind].read
    return read
