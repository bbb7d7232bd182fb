"""The step kinds by the key that tells them apart, and those that are known but not run here."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from engine.interpreter.definition import Kind
from engine.interpreter.node import Node
from engine.interpreter.steps import call, do, emit, fork, listen, loop, raising, run, switch, trying, wait
from engine.interpreter.steps import set as set_

# `for` before `do`: a loop has both keys.
KINDS: dict[str, ModuleType] = {
    "set": set_,
    "switch": switch,
    "for": loop,
    "do": do,
    "try": trying,
    "raise": raising,
    "wait": wait,
    "call": call,
    "fork": fork,
    "emit": emit,
    "listen": listen,
    "run": run,
}
NOT_YET: tuple[str, ...] = ()

Reader = Callable[[Node], Kind]


def keys_of(kind: str) -> tuple[str, ...]:
    """Return the members a step of the kind has of its own."""
    return tuple(KINDS[kind].KEYS)


def reader_of(kind: str) -> Reader:
    """Return the function that reads a step of the kind."""
    read: Reader = KINDS[kind].read
    return read
