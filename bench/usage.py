"""What processes use: processor time and memory, of each with its children."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import psutil

from bench.platform import Measured


def members(platform: Measured) -> dict[str, psutil.Process]:
    """Return the platform's processes and, where they are its own, the servers, by name."""
    servers = {server.name: server for server in platform.stack.servers} | platform.servers
    return {name: psutil.Process(server.process.pid) for name, server in servers.items()}


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of a process and of all its children, those that have ended too."""
    spent = 0.0
    for one in family(process):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


def memory_bytes(process: psutil.Process) -> tuple[int, int]:
    """Return what a process and its children hold: resident, and their share of it (RSS, PSS)."""
    resident = share = 0
    for one in family(process):
        with suppress(psutil.NoSuchProcess):
            held = one.memory_full_info()
            resident, share = resident + held.rss, share + held.pss
    return resident, share


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and its children."""
    return [process, *process.children(recursive=True)]


class Spent:
    """The processor time that each process spends from here on."""

    def __init__(self, processes: Mapping[str, psutil.Process]) -> None:
        self._processes = processes
        self._before = self._now()

    def seconds(self) -> dict[str, float]:
        """Return what each has spent so far."""
        return {name: now - self._before[name] for name, now in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {name: cpu_seconds(process) for name, process in self._processes.items()}
