"""A process that holds streams open over bare sockets and prints when each receives an event.

It reads one JSON line: the server's address and, for each stream, its headers. It prints `open`
when all streams are open. Then it prints for each event its stream's number and its time, in
nanoseconds of the machine's monotonic clock.
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


async def open_stream(
    at: tuple[str, int], headers: Mapping[str, str], gate: asyncio.Semaphore
) -> Connection:
    """Open one stream and return it once its first line has arrived."""
    async with gate:
        reader, writer = await asyncio.open_connection(*at, limit=4096)
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        writer.write(
            f"GET /api/sync/events HTTP/1.1\r\nHost: bench\r\n{''.join(lines)}\r\n".encode()
        )
        answer = await reader.readuntil(b"retry: ")
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise AssertionError(answer.decode())
        return reader, writer  # without a reference, the writer would close its connection


async def listen(number: int, connection: Connection) -> None:
    """Print the time of each event."""
    async for line in connection[0]:
        if line.startswith(b"data: "):
            print(number, time.monotonic_ns(), flush=True)
    raise AssertionError(f"stream {number} has ended")


async def main() -> None:
    """Open all streams, then listen until the parent closes our input."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    order = json.loads(sys.stdin.readline())
    gate = asyncio.Semaphore(AT_ONCE)
    at = (order["host"], order["port"])
    connections = await asyncio.gather(
        *(open_stream(at, headers, gate) for headers in order["streams"])
    )
    listeners = [asyncio.create_task(listen(*pair)) for pair in enumerate(connections)]
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for listener in listeners:
        listener.cancel()


if __name__ == "__main__":
    asyncio.run(main())
