"""HTTP service on the loopback that returns its requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from urllib.parse import parse_qs, urlsplit


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """Run the service and return its port; `/status/N` answers N, `/moved` redirects."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with closing(writer):
        await _answer(reader, writer)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    request_body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    content = {
        "method": method,
        "path": url.path,
        "query": parse_qs(url.query),
        "headers": headers,
        "body": request_body.decode(),
    }
    status = url.path.rpartition("/status/")[2] if "/status/" in url.path else "200"
    extra = ""
    if url.path == "/moved":
        status, extra = "302", "location: /arrived\r\n"
    if url.path == "/slow":
        await reader.read()
    body = json.dumps(content).encode()
    kind = "text/plain" if url.path == "/text" else "application/json; charset=utf-8"
    writer.write(
        f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{extra}"
        "connection: close\r\n\r\n".encode()
        + body
    )
    await writer.drain()
