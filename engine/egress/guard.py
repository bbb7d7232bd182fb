"""The only way out to other people's servers: resolved once, to public addresses alone."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import certifi
import httpcore2
import httpx2

from engine.egress.addresses import is_public
from engine.egress.redirects import OURS, moved, moves, origin
from engine.egress.redirects import port as port_of

BODY_BYTES_MAX = 1_048_576
REDIRECTS_MAX = 3
CONNECT_SECONDS_MAX = 5.0  # then the host's next address is tried
PORTS = (80, 443)

Address = tuple[str, int]  # IP address and port
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


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
    enough: Callable[[bytearray], bool] | None = (
        None  # ends the reading of a body that need not end
    )


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
            async with asyncio.timeout(outgoing.seconds):
                return await self._followed(outgoing)
        except TimeoutError:
            raise EgressError("the server did not answer in time", code="timeout") from None
        except (
            httpx2.InvalidURL,
            httpcore2.UnsupportedProtocol,
            UnicodeError,
            ValueError,
            TypeError,
        ):
            raise EgressError("the request cannot be written as HTTP") from None
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
            OSError,
        ) as error:
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

    async def _followed(self, outgoing: Outgoing) -> Answer:
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
            response = await self._authenticated(request, auth, outgoing)
            if not (outgoing.redirect and moves(response)):
                return Answer(
                    response.status_code, dict(response.headers), response.content, str(request.url)
                )
            before, request = request, moved(request, response)
            auth = auth if origin(before.url) == origin(request.url) else None
        raise EgressError(f"more than {REDIRECTS_MAX} redirects")

    async def _authenticated(
        self, request: httpx2.Request, auth: httpx2.Auth | None, outgoing: Outgoing
    ) -> httpx2.Response:
        if auth is None:
            return await self._sent(request, outgoing)
        flow = auth.sync_auth_flow(request)
        asked = next(flow)
        while True:
            response = await self._sent(asked, outgoing)
            try:
                asked = flow.send(response)
            except StopIteration:
                return response

    async def _sent(self, request: httpx2.Request, outgoing: Outgoing) -> httpx2.Response:
        self.admit(request.url)
        request.headers["accept-encoding"] = "identity"  # what is not compressed cannot blow up
        async with httpcore2.AsyncConnectionPool(
            ssl_context=self.ssl_context, max_connections=1, network_backend=_Guarded(self)
        ) as pool:
            written = httpcore2.Request(
                request.method,
                httpcore2.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.content,
            )
            answer = await pool.handle_async_request(written)
            body = bytearray()
            if not self._heads_only:
                async for part in answer.aiter_stream():
                    body += part
                    if len(body) > outgoing.bytes_max:
                        raise EgressError(f"the answer is larger than {outgoing.bytes_max} bytes")
                    if outgoing.enough is not None and outgoing.enough(body):
                        break
            await answer.aclose()
        return httpx2.Response(
            answer.status, headers=_unencoded(answer.headers), content=bytes(body), request=request
        )


class _Guarded(httpcore2.AsyncNetworkBackend):
    """Connects to the address that was checked, never to a name: there is no second resolution to rebind."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore2
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first of the host's addresses that accepts."""
        addresses = await self._egress.addresses(host, port)
        for address, at in addresses[:-1]:
            try:
                return await self._backend.connect_tcp(
                    address, at, CONNECT_SECONDS_MAX, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        address, at = addresses[-1]
        return await self._backend.connect_tcp(address, at, timeout, local_address, socket_options)


def _queried(url: httpx2.URL, query: dict[str, Any]) -> httpx2.URL:
    """Add to the query; a URL without additions stays as it was written."""
    return url.copy_merge_params(query) if query else url


def _unencoded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Leave out what would make the response decode its body: compression was not asked for."""
    return [(name, value) for name, value in headers if name.lower() != b"content-encoding"]
