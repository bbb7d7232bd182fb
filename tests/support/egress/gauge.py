"""Gauge of this process's socket calls, by an audit hook (PEP 578) that none can bypass."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from engine.egress.addresses import is_public


@dataclass(slots=True)
class Gauge:
    """Requested connects; those to the internet are counted but refused."""

    connects: list[tuple[str, int]] = field(default_factory=list)


_gauges: list[Gauge] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if not _gauges or event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        return
    address = arguments[1]
    if not isinstance(address, tuple):
        return  # the event loop's own pipes
    for gauge in _gauges:
        gauge.connects.append((str(address[0]), int(address[1])))
    if is_public(str(address[0])):
        raise ConnectionRefusedError("nothing leaves this machine")


sys.addaudithook(_note)


@contextmanager
def measure_sockets() -> Iterator[Gauge]:
    """Count during the block."""
    gauge = Gauge()
    _gauges.append(gauge)
    try:
        yield gauge
    finally:
        _gauges.remove(gauge)
