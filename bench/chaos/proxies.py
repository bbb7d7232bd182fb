"""TCP proxies between the parts, so that any part can be cut off from the others."""

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
class Proxy:
    """Proxy of one server: the parts at its ends, and the connections that it carries."""

    ends: frozenset[str]
    target_port: int
    cut: bool = False
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side closes it; a cut proxy closes it at once."""
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
        """Reset all connections, as a lost network does."""
        for writer in list(self.writers):
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    with suppress(OSError, RuntimeError):  # the other side may be closed already
        writer.write_eof()


class Proxies:
    """All proxies, run by a thread of their own."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._lines: list[Proxy] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def open(self, target_port: int, *ends: str) -> int:
        """Open a proxy of a port of the loopback; return the proxy's port."""
        proxy = Proxy(frozenset(ends), target_port)
        self._lines.append(proxy)

        async def serve() -> int:
            server = await asyncio.start_server(proxy.carry, "127.0.0.1", 0)
            return int(server.sockets[0].getsockname()[1])

        port: int = self._await(serve())
        return port

    def cut(self, end: str) -> None:
        """Cut off a part: reset its connections, and refuse new ones."""
        self._set(end, cut=True)

    def mend(self, end: str) -> None:
        """Let a part connect again."""
        self._set(end, cut=False)

    def _set(self, end: str, *, cut: bool) -> None:
        async def change() -> None:
            for proxy in self._lines:
                if end in proxy.ends:
                    proxy.cut = cut
                    if cut:
                        proxy.abort()

        self._await(change())

    def _await(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
