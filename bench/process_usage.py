"""Processor time and memory of processes, each with its children."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import psutil

from bench.platform import PlatformUnderTest


def members(platform: PlatformUnderTest) -> dict[str, psutil.Process]:
    """Return the platform's processes and, where they are its own, the servers, by name."""
    servers = {server.name: server for server in platform.stack.servers} | platform.servers
    return {name: psutil.Process(server.process.pid) for name, server in servers.items()}


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of a process and of all its children, with those that ended."""
    seconds = 0.0
    for one in family(process):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def memory_bytes(process: psutil.Process) -> tuple[int, int]:
    """Return the memory of a process and its children: resident and proportional (RSS, PSS)."""
    resident = share = 0
    for one in family(process):
        with suppress(psutil.NoSuchProcess):
            memory = one.memory_full_info()
            resident, share = resident + memory.rss, share + memory.pss
    return resident, share


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and its children."""
    return [process, *process.children(recursive=True)]


class CpuMeter:
    """Meter of the processor time of each process from its creation on."""

    def __init__(self, processes: Mapping[str, psutil.Process]) -> None:
        self._processes = processes
        self._before = self._now()

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each process so far."""
        return {name: now - self._before[name] for name, now in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {name: cpu_seconds(process) for name, process in self._processes.items()}
