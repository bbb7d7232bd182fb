"""A process that holds streams open over bare sockets and says when each hears something.

Reads one JSON line: the server's address and, for each stream, its headers. Prints `open` when all are, and
then for each event its stream's number and when it came (nanoseconds of the machine's monotonic clock).
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Mapping

AT_ONCE = 32
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def opened(
    at: tuple[str, int], headers: Mapping[str, str], gate: asyncio.Semaphore
) -> Connection:
    """Open one stream and return it once its first line has come."""
    async with gate:
        reader, writer = await asyncio.open_connection(*at, limit=4096)
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        writer.write(
            f"GET /api/sync/events HTTP/1.1\r\nHost: bench\r\n{''.join(lines)}\r\n".encode()
        )
        answer = await reader.readuntil(b"retry: ")
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise AssertionError(answer.decode())
        return reader, writer  # a writer that nobody holds closes its connection


async def listen(number: int, connection: Connection) -> None:
    """Print when each event comes."""
    async for line in connection[0]:
        if line.startswith(b"data: "):
            print(number, time.monotonic_ns(), flush=True)
    raise AssertionError(f"stream {number} has ended")


async def main() -> None:
    """Open all streams, then listen until the parent closes our input."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asked = json.loads(sys.stdin.readline())
    gate = asyncio.Semaphore(AT_ONCE)
    at = (asked["host"], asked["port"])
    connections = await asyncio.gather(*(opened(at, headers, gate) for headers in asked["streams"]))
    listeners = [asyncio.create_task(listen(*pair)) for pair in enumerate(connections)]
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for listener in listeners:
        listener.cancel()


if __name__ == "__main__":
    asyncio.run(main())
