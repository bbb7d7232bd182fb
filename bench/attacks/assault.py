"""An attack in a process of its own, so that its work delays no measurement in this one."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from bench.attacks.attacker import Attack, Attacker, Target

NICENESS = 5  # an attacker's own work is done on another machine; here it yields to the platform
SECONDS_MAX = 90.0  # of an attack whose measurement was ended
BEGIN_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0


@dataclass(slots=True)
class Assault:
    """Attack under way, and the number of its requests once it has stopped."""

    requests: int = 0


@contextmanager
def run_attack(attack: Attack, target: Target) -> Iterator[Assault]:
    """Run an attack beside the block, which begins once the attack has.

    :raises RuntimeError: when the attack does not begin.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_attack, args=(attack, target, there), daemon=True)
    process.start()
    there.close()
    assault = Assault()
    try:
        _await_beginning(here, attack)
        yield assault
        here.send(True)
        if here.poll(STOP_SECONDS_MAX):
            assault.requests = here.recv()
    finally:
        process.kill()
        process.join()


def _await_beginning(attacker: Connection, attack: Attack) -> None:
    try:
        if attacker.poll(BEGIN_SECONDS_MAX) and attacker.recv():
            return
    except EOFError:  # its process has ended
        pass
    raise RuntimeError(f"the attack {attack.__name__} did not begin")


def _attack(attack: Attack, target: Target, parent: Connection) -> None:
    """Attack until the parent says to stop, or for SECONDS_MAX; tell it the number of requests."""
    os.nice(NICENESS)
    attacker = Attacker(target)
    with attack(attacker):
        parent.send(True)
        parent.poll(SECONDS_MAX)
        attacker.stopping.set()
        parent.send(attacker.requests.total)
