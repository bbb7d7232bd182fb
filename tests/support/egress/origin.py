"""HTTP server on the loopback for tests of the egress guard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from engine.egress.addresses import is_public
from engine.egress.guard import Egress, EgressRequest
from engine.egress.resolver import get_addresses

CREDENTIALS = {"authorization": "Bearer canary", "cookie": "canary", "x-api-key": "canary"}


@dataclass(slots=True)
class Origin:
    """Server that records its requests and returns prepared answers."""

    port: int = 0
    connects: int = 0
    requests: list[str] = field(default_factory=list)
    answer: Callable[[str], bytes] = lambda _: reply(b"{}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            writer.write(self.answer(head))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def reply(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@asynccontextmanager
async def listening() -> AsyncIterator[Origin]:
    """Run an origin for the duration of the block."""
    origin = Origin()
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0)
    origin.port = server.sockets[0].getsockname()[1]
    async with server:
        yield origin


def to_origin(origin: Origin, allow: str = "a.test,b.test") -> Egress:
    """Return a guard that resolves every name to the server; only names in `allow` may pass."""

    async def resolver(*_: object) -> Sequence[tuple[str, int]]:
        return [("127.0.0.1", origin.port)]

    return Egress(allow=allow, resolver=resolver)


async def within(host: str, port: int) -> Sequence[tuple[str, int]]:
    """Resolve as the system does, but never to the internet: a test stays on this machine."""
    addresses = await asyncio.to_thread(get_addresses, host, port)
    if any(is_public(address) for address, _ in addresses):
        raise OSError("outside")
    return addresses


def get(
    uri: str, *, redirect: bool = True, seconds: float = 5.0, auth: httpx2.Auth | None = None
) -> EgressRequest:
    return EgressRequest(
        "GET", uri, dict(CREDENTIALS), {}, redirect=redirect, seconds=seconds, auth=auth
    )
