"""Transport for httpx2 that connects only to addresses that the guard has checked.

Every client on it is guarded: those of this project and those of libraries (OAuth, MCP, A2A).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

import httpcore2
import httpx2

from engine.egress.pace import ITEM_WEIGHT, Pace

CONNECT_SECONDS_MAX = 5.0  # then the host's next address is tried
HEAD_BYTES_MAX = 65_536  # of an answer, with the interim answers before it
HEADERS_MAX = 512
# Each read and each part of a body costs time, however small it is.
READ_BYTES_MAX = 16_384
HEAD_READ_BYTES_MAX = 4_096
PART_BYTES_MIN = 64  # of the parts of a body, on average
FRAMING_BYTES_MAX = 65_536  # around the parts of a body, besides an eighth of its own limit

Address = tuple[str, int]  # IP address and port
# Checks a URL before its name is resolved.
Admit = Callable[[httpx2.URL], None]
# Resolves a name and checks its addresses; the transport tries them in this order.
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


class AnswerTooLargeError(httpx2.StreamError):
    """Answer that is larger than the transport allows."""


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Transport that sends requests to checked addresses.

    Each request is admitted anew, also one that a client makes to follow a redirect. A connection
    goes to an address that `addresses` returned, never to a name, so that no second resolution can
    differ. TLS and the Host header are those of the name in the URL. Requests ask for answers
    without compression, so that no body grows when it is decoded. A body fails after `bytes_max`
    bytes, and so does an answer with too many headers, parts or bytes between the parts. The
    transport ignores the proxies of the environment.

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
        if len(answer.headers) > HEADERS_MAX:
            await answer.aclose()
            raise AnswerTooLargeError(f"the answer has more than {HEADERS_MAX} headers")
        stream = answer.extensions.get("network_stream")
        if isinstance(stream, _MeteredStream):
            stream.expect_body(self._bytes_max)
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

        :raises AnswerTooLargeError: before the part that exceeds the limit.
        :raises httpx2.TransportError: when the body breaks off.
        """
        bytes_rest, parts_rest = self._bytes_max, self._bytes_max // PART_BYTES_MIN
        pace = Pace()
        try:
            async for part in self._answer.aiter_stream():
                bytes_rest, parts_rest = bytes_rest - len(part), parts_rest - 1
                if bytes_rest < 0:
                    raise AnswerTooLargeError(f"the answer is larger than {self._bytes_max} bytes")
                if parts_rest < 0:
                    raise AnswerTooLargeError("the answer comes in too many parts")
                await pace.spend(len(part) + 2 * ITEM_WEIGHT)
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
                stream = await self._backend.connect_tcp(
                    address, at, CONNECT_SECONDS_MAX, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
            return _MeteredStream(stream)
        address, at = addresses[-1]
        return _MeteredStream(
            await self._backend.connect_tcp(address, at, timeout, local_address, socket_options)
        )


class _MeteredStream(httpcore2.AsyncNetworkStream):
    """Connection that limits what a server sends for each answer, framing and headers included.

    A request starts the head of its answer; `expect_body` ends it. Reads are small and let other
    tasks run, because the parser works on all that was read at once.
    """

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._pace = Pace()
        self._expect_head()

    def _expect_head(self) -> None:
        self._is_head, self._bytes_rest = True, HEAD_BYTES_MAX
        # The last read of a head may have as many lines of the body as bytes.
        self._lines_rest = HEADERS_MAX + HEAD_READ_BYTES_MAX

    def expect_body(self, bytes_max: int) -> None:
        """End the head of an answer; its body may have `bytes_max` bytes, and some framing."""
        self._is_head, self._bytes_rest = False, bytes_max + bytes_max // 8 + FRAMING_BYTES_MAX

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore2
    ) -> bytes:
        """Return the next bytes.

        :raises AnswerTooLargeError: when the server has sent more than the answer may have.
        """
        most = HEAD_READ_BYTES_MAX if self._is_head else READ_BYTES_MAX
        data = await self._stream.read(min(max_bytes, most), timeout)
        await self._pace.spend(len(data) + ITEM_WEIGHT)
        self._bytes_rest -= len(data)
        if self._is_head:
            self._lines_rest -= data.count(b"\n")
        if self._bytes_rest < 0 or self._lines_rest < 0:
            part = "head" if self._is_head else "body"
            raise AnswerTooLargeError(f"the {part} of the answer is too large")
        return data

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore2
    ) -> None:
        """Write a part of a request."""
        self._expect_head()
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore2
    ) -> httpcore2.AsyncNetworkStream:
        """Return a connection with TLS."""
        return _MeteredStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of its socket."""
        return self._stream.get_extra_info(info)


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
