"""Transport for httpx2 that connects only to addresses that the guard has checked.

Every client on it is guarded: those of this project and those of libraries (OAuth, MCP, A2A).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

import httpcore2
import httpx2

CONNECT_SECONDS_MAX = 5.0  # then the host's next address is tried

Address = tuple[str, int]  # IP address and port
# Checks a URL before its name is resolved.
Admit = Callable[[httpx2.URL], None]
# Resolves a name and checks its addresses; the transport tries them in this order.
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


class BodyTooLargeError(httpx2.StreamError):
    """Body of an answer that is larger than the transport allows."""


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Transport that sends requests to checked addresses.

    Each request is admitted anew, also one that a client makes to follow a redirect. A connection
    goes to an address that `addresses` returned, never to a name, so that no second resolution can
    differ. TLS and the Host header are those of the name in the URL. Requests ask for answers
    without compression, so that no body grows when it is decoded. A body fails after `bytes_max`
    bytes. The transport ignores the proxies of the environment.

    Errors of `admit` and `addresses` reach the client's caller unchanged; every other failure is a
    `httpx2.TransportError`.
    """

    def __init__(
        self, *, admit: Admit, addresses: Resolve, ssl_context: ssl.SSLContext, bytes_max: int
    ) -> None:
        self._admit = admit
        self._bytes_max = bytes_max
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context, network_backend=_CheckedBackend(addresses)
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; the caller reads the answer's body.

        :raises httpx2.TransportError: when there is no answer, or the request is no valid HTTP.
        """
        self._admit(request.url)
        request.headers["host"] = request.url.netloc.decode("ascii")
        request.headers["accept-encoding"] = "identity"
        core_request = httpcore2.Request(
            request.method,
            httpcore2.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=cast("AsyncIterable[bytes]", request.stream),
            extensions=request.extensions,
        )
        try:
            answer = await self._pool.handle_async_request(core_request)
        except _FAILURES as error:
            raise _translate(error) from None
        return httpx2.Response(
            answer.status,
            headers=_without_encoding(answer.headers),
            stream=_BoundedBody(answer, self._bytes_max),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


class _BoundedBody(httpx2.AsyncByteStream):
    """Body of an answer, up to a number of bytes."""

    def __init__(self, answer: httpcore2.Response, bytes_max: int) -> None:
        self._answer = answer
        self._bytes_max = bytes_max

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the parts of the body as they arrive.

        :raises BodyTooLargeError: before the part that exceeds the limit.
        :raises httpx2.TransportError: when the body breaks off.
        """
        size = 0
        try:
            async for part in self._answer.aiter_stream():
                size += len(part)
                if size > self._bytes_max:
                    raise BodyTooLargeError(f"the answer is larger than {self._bytes_max} bytes")
                yield part
        except _FAILURES as error:
            raise _translate(error) from None

    async def aclose(self) -> None:
        """Return the connection to the pool, or close it when the body has not ended."""
        await self._answer.aclose()


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Network backend that connects to checked addresses."""

    def __init__(self, addresses: Resolve) -> None:
        self._addresses = addresses
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
        addresses = await self._addresses(host, port)
        for address, at in addresses[:-1]:
            try:
                return await self._backend.connect_tcp(
                    address, at, CONNECT_SECONDS_MAX, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        address, at = addresses[-1]
        return await self._backend.connect_tcp(address, at, timeout, local_address, socket_options)


_FAILURES = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
)


def _translate(error: Exception) -> httpx2.TransportError:
    """Return the httpx2 error of the same name, without the server's text."""
    name = type(error).__name__
    kind: type[httpx2.TransportError] = getattr(httpx2, name)
    return kind(name)


def _without_encoding(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers without the encoding of the body: the request asked for none."""
    return [(name, value) for name, value in headers if name.lower() != b"content-encoding"]
