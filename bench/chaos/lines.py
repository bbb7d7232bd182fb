"""Lines between the parts, through proxies of our own, so that any part can be cut off from the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import uvloop

CHUNK_BYTES = 65_536


@dataclass(slots=True, eq=False)
class Line:
    """One way to a server: who it joins, and the connections that it carries."""

    ends: frozenset[str]
    target_port: int
    cut: bool = False
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side closes it; while the line is cut there is none."""
        other: asyncio.StreamWriter | None = None
        self.writers.add(writer)
        try:
            if self.cut:
                return
            answers, other = await asyncio.open_connection("127.0.0.1", self.target_port)
            self.writers.add(other)
            await asyncio.gather(_pump(reader, other), _pump(answers, writer))
        except OSError:
            pass
        finally:
            for end in (writer, other):
                if end is not None:
                    self.writers.discard(end)
                    end.transport.abort()

    def abort(self) -> None:
        """End all connections as a lost network does: with a reset."""
        for writer in list(self.writers):
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    with suppress(OSError, RuntimeError):  # the other side may be closed already
        writer.write_eof()


class Lines:
    """All lines, carried by a thread of their own."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._lines: list[Line] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        """Begin to carry."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Carry no more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def lay(self, target_port: int, *ends: str) -> int:
        """Lay a line to a port of the loopback; return the port at which it begins."""
        line = Line(frozenset(ends), target_port)
        self._lines.append(line)

        async def serve() -> int:
            server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
            return int(server.sockets[0].getsockname()[1])

        port: int = self._await(serve())
        return port

    def cut(self, end: str) -> None:
        """Cut off a part: whatever it is connected to is reset, and nothing new is carried."""
        self._set(end, cut=True)

    def mend(self, end: str) -> None:
        """Connect a part again."""
        self._set(end, cut=False)

    def _set(self, end: str, *, cut: bool) -> None:
        async def change() -> None:
            for line in self._lines:
                if end in line.ends:
                    line.cut = cut
                    if cut:
                        line.abort()

        self._await(change())

    def _await(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
