"""The egress guard, through which all requests to other people's servers go.

It decides which addresses may be asked: those of the public internet, and hosts that the operator opens.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import certifi
import httpx2

from engine.egress.addresses import is_public
from engine.egress.redirects import OURS, moved, moves, origin
from engine.egress.redirects import port as port_of
from engine.egress.transport import Address, GuardedTransport, Resolve, TooLargeError

BODY_BYTES_MAX = 1_048_576
REDIRECTS_MAX = 3
PORTS = (80, 443)

Enough = Callable[[bytearray], bool]


class EgressError(Exception):
    """A request that may not be made, or got no answer; the text holds nothing of its headers or body.

    `code` says which: `not_allowed`, `unreachable`, or `timeout`.
    """

    def __init__(self, text: str, *, code: str = "not_allowed") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; `uri` is where, after redirects."""

    status: int
    headers: dict[str, str]
    body: bytes
    uri: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request; `seconds` bounds it as a whole, redirects included."""

    method: str
    uri: str
    headers: dict[str, str]
    query: dict[str, Any]
    body: bytes | None = None
    auth: httpx2.Auth | None = None
    redirect: bool = False
    seconds: float = 30.0
    bytes_max: int = BODY_BYTES_MAX
    enough: Enough | None = None  # ends the reading of a body that need not end


def public_trust() -> ssl.SSLContext:
    """Return a TLS context that trusts the authorities of certifi, and none of the system's.

    So every host trusts the same authorities, at the version that the lock pins, also where an
    image has no store of its own; and the private authorities of an operator's system vouch for no
    server that a workflow names. httpx2 itself would trust the system's store.
    """
    return ssl.create_default_context(cafile=certifi.where())


async def resolve(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a name, as the system resolves it."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(address[0]), int(address[1])) for *_, address in found]


class Egress:
    """Sends requests; `allow` names the hosts (`host[:port],…`) that are open beyond the public internet.

    With `heads_only` the bodies of answers are left unread.
    """

    def __init__(
        self,
        *,
        allow: str = "",
        ports: Collection[int] = PORTS,
        resolver: Resolve = resolve,
        ssl_context: ssl.SSLContext | None = None,
        heads_only: bool = False,
    ) -> None:
        self._allowed = {entry.strip().lower() for entry in allow.split(",") if entry.strip()}
        self._ports = ports
        self._resolver = resolver
        self._heads_only = heads_only
        self.ssl_context = ssl_context or public_trust()

    async def send(self, outgoing: Outgoing) -> Answer:
        """Send a request, follow its redirects if it asks for that, and return the answer.

        :raises EgressError: when it may not be made, breaks off, takes too long or is too large.
        """
        try:
            async with self.client(
                seconds=outgoing.seconds, bytes_max=outgoing.bytes_max
            ) as client:
                return await self._followed(client, outgoing)
        except (UnicodeError, ValueError, TypeError):
            raise EgressError("the request cannot be written as HTTP") from None

    @asynccontextmanager
    async def client(
        self, *, seconds: float, bytes_max: int = BODY_BYTES_MAX
    ) -> AsyncIterator[httpx2.AsyncClient]:
        """Yield a client for the block, every request of which passes the guard.

        :param seconds: how long the block may take as a whole.
        :param bytes_max: how large the body of each answer may be.
        :raises EgressError: when a request may not be made, breaks off, takes too long or is too large.
        """
        transport = GuardedTransport(
            admit=self.admit,
            addresses=self.addresses,
            ssl_context=self.ssl_context,
            bytes_max=bytes_max,
        )
        try:
            async with (
                asyncio.timeout(seconds),
                httpx2.AsyncClient(transport=transport, timeout=None, trust_env=False) as client,
            ):
                yield client
        except TimeoutError:
            raise EgressError("the server did not answer in time", code="timeout") from None
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise EgressError("the request cannot be written as HTTP") from None
        except TooLargeError as error:
            raise EgressError(str(error)) from None
        except (httpx2.TransportError, OSError) as error:
            text = f"the server cannot be reached ({type(error).__name__})"
            raise EgressError(text, code="unreachable") from None

    def admit(self, url: httpx2.URL) -> None:
        """Check an address before anything is resolved.

        :raises EgressError: when it breaks a rule.
        """
        if url.scheme not in ("http", "https"):
            raise EgressError("only http and https are allowed")
        if url.userinfo:
            raise EgressError("credentials do not belong into an address")
        if not url.host:
            raise EgressError("the address has no host")
        if port_of(url) not in self._ports and not self._opened(url.host, port_of(url)):
            raise EgressError(f"port {port_of(url)} is not allowed")

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """Resolve a name once; all of its addresses must be public, unless it is allowed by name.

        :raises EgressError: when one is not, or there is none.
        """
        try:
            found = await self._resolver(host, port)
        except (OSError, UnicodeError):
            raise EgressError("the host has no address", code="unreachable") from None
        if not found:
            raise EgressError("the host has no address", code="unreachable")
        if not self._opened(host, port) and not all(is_public(address) for address, _ in found):
            raise EgressError("the host is not on the public internet")
        return found

    def opens(self, uri: str) -> bool:
        """Tell whether an address is on a host that is open beyond the public internet."""
        try:
            url = httpx2.URL(uri)
        except httpx2.InvalidURL:
            return False
        return (
            url.scheme in ("http", "https")
            and not url.userinfo
            and self._opened(url.host, port_of(url))
        )

    def _opened(self, host: str, port: int) -> bool:
        name = host.rstrip(".").lower()
        return name in self._allowed or f"{name}:{port}" in self._allowed

    async def _followed(self, client: httpx2.AsyncClient, outgoing: Outgoing) -> Answer:
        request = httpx2.Request(
            outgoing.method,
            _queried(httpx2.URL(outgoing.uri), outgoing.query),
            headers={
                name: text for name, text in outgoing.headers.items() if name.lower() not in OURS
            },
            content=outgoing.body,
        )
        auth = outgoing.auth
        for _ in range(REDIRECTS_MAX + 1):
            response = await client.send(request, stream=True, auth=auth)
            body = await self._read(response, outgoing.enough)
            if not (outgoing.redirect and moves(response)):
                return Answer(response.status_code, dict(response.headers), body, str(request.url))
            before, request = request, moved(request, response)
            auth = auth if origin(before.url) == origin(request.url) else None
        raise EgressError(f"more than {REDIRECTS_MAX} redirects")

    async def _read(self, response: httpx2.Response, enough: Enough | None) -> bytes:
        body = bytearray()
        try:
            if not self._heads_only:
                async for part in response.aiter_raw():
                    body += part
                    if enough is not None and enough(body):
                        break
        finally:
            await response.aclose()
        return bytes(body)


def _queried(url: httpx2.URL, query: dict[str, Any]) -> httpx2.URL:
    """Add to the query; a URL without additions stays as it was written."""
    return url.copy_merge_params(query) if query else url
