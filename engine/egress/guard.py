"""Egress guard: all requests to external servers pass it.

It allows addresses of the public internet, and hosts on the operator's allowlist.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any

import certifi
import httpx2

from engine.egress.addresses import is_public
from engine.egress.redirects import (
    TRANSPORT_HEADERS,
    build_redirect,
    is_redirect,
    origin,
    port_of,
)
from engine.egress.resolver import NameResolver
from engine.egress.transport import (
    HEAD_BYTES_MAX,
    HEADERS_MAX,
    Address,
    AnswerTooLargeError,
    GuardedTransport,
    Resolve,
)

ADDRESSES_MAX = 16  # of one host; no connection tries more
BODY_BYTES_MAX = 1_048_576
REDIRECTS_MAX = 3
PORTS = (80, 443)

# Is given each part of a body, and returns whether to read no more.
StopReading = Callable[[bytes], Awaitable[bool]]


class EgressError(Exception):
    """Request that is not allowed or got no answer; the text quotes no header and no body.

    `code` is `not_allowed`, `unreachable` or `timeout`.
    """

    def __init__(self, text: str, *, code: str = "not_allowed") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of a server; `uri` is its address after redirects."""

    status: int
    headers: dict[str, str]
    body: bytes
    uri: str


@dataclass(frozen=True, slots=True)
class EgressRequest:
    """Request to an external server; `seconds` limits it as a whole, with redirects."""

    method: str
    uri: str
    headers: dict[str, str]
    query: dict[str, Any]
    body: bytes | None = None
    auth: httpx2.Auth | None = None
    redirect: bool = False
    seconds: float = 30.0
    bytes_max: int = BODY_BYTES_MAX
    stop_reading: StopReading | None = None  # ends the reading of an endless body


def certifi_context() -> ssl.SSLContext:
    """Return a TLS context that trusts the authorities of certifi, and none of the system's.

    Every host then trusts the same authorities, at the locked version, also where an image has no
    store. The private authorities of an operator's system certify no server that a workflow names.
    httpx2 by default trusts the system's store.
    """
    return ssl.create_default_context(cafile=certifi.where())


class _NoCookies(CookieJar):
    """Cookie jar that stays empty: no request sends cookies of an answer."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Ignore the cookies of an answer; parsing thousands of them takes long."""


class Egress:
    """Client of external servers.

    :param allow: hosts (`host[:port],…`) that are allowed beyond the public internet.
    :param heads_only: leave the bodies of answers unread.
    """

    def __init__(
        self,
        *,
        allow: str = "",
        ports: Collection[int] = PORTS,
        resolver: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
        heads_only: bool = False,
    ) -> None:
        self._allowlist = {entry.strip().lower() for entry in allow.split(",") if entry.strip()}
        self._ports = ports
        self._resolver = resolver or NameResolver()
        self._heads_only = heads_only
        self.ssl_context = ssl_context or certifi_context()

    async def send(self, outgoing: EgressRequest) -> Answer:
        """Send a request, follow redirects if the request says so, and return the answer.

        :raises EgressError: when it is not allowed, breaks off, takes too long or is too large.
        """
        _check_headers(outgoing.headers)
        try:
            async with self.client(
                seconds=outgoing.seconds, bytes_max=outgoing.bytes_max
            ) as client:
                return await self._send_following_redirects(client, outgoing)
        except (UnicodeError, ValueError, TypeError):
            raise EgressError("the request cannot be written as HTTP") from None

    @asynccontextmanager
    async def client(
        self, *, seconds: float, bytes_max: int = BODY_BYTES_MAX
    ) -> AsyncIterator[httpx2.AsyncClient]:
        """Yield a client for the block, every request of which passes the guard.

        :param seconds: limit of the whole block.
        :param bytes_max: limit of the body of each answer.
        :raises EgressError: when a request is not allowed, breaks off, takes too long or is too
            large.
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
                httpx2.AsyncClient(
                    transport=transport, timeout=None, trust_env=False, cookies=_NoCookies()
                ) as client,
            ):
                yield client
        except TimeoutError:
            raise EgressError("the server did not answer in time", code="timeout") from None
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise EgressError("the request cannot be written as HTTP") from None
        except AnswerTooLargeError as error:
            raise EgressError(str(error)) from None
        except (httpx2.TransportError, OSError) as error:
            text = f"the server cannot be reached ({type(error).__name__})"
            raise EgressError(text, code="unreachable") from None

    def admit(self, url: httpx2.URL) -> None:
        """Check a URL before its name is resolved.

        :raises EgressError: when it is not allowed.
        """
        if url.scheme not in ("http", "https"):
            raise EgressError("only http and https are allowed")
        if url.userinfo:
            raise EgressError("credentials do not belong into an address")
        if not url.host:
            raise EgressError("the address has no host")
        if port_of(url) not in self._ports and not self._is_allowlisted(url.host, port_of(url)):
            raise EgressError(f"port {port_of(url)} is not allowed")

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """Resolve a name once; all addresses must be public, unless the host is on the allowlist.

        :raises EgressError: when an address is not public, or there is none.
        """
        try:
            addresses = (await self._resolver(host, port))[:ADDRESSES_MAX]
        except TimeoutError:
            text = "the address of the host was not found in time"
            raise EgressError(text, code="timeout") from None
        except (OSError, UnicodeError):
            raise EgressError("the host has no address", code="unreachable") from None
        if not addresses:
            raise EgressError("the host has no address", code="unreachable")
        if not self._is_allowlisted(host, port) and not all(
            is_public(address) for address, _ in addresses
        ):
            raise EgressError("the host is not on the public internet")
        return addresses

    def is_allowlisted(self, uri: str) -> bool:
        """Return whether the host of a URL is on the operator's allowlist."""
        try:
            url = httpx2.URL(uri)
        except httpx2.InvalidURL:
            return False
        return (
            url.scheme in ("http", "https")
            and not url.userinfo
            and self._is_allowlisted(url.host, port_of(url))
        )

    def _is_allowlisted(self, host: str, port: int) -> bool:
        name = host.rstrip(".").lower()
        return name in self._allowlist or f"{name}:{port}" in self._allowlist

    async def _send_following_redirects(
        self, client: httpx2.AsyncClient, outgoing: EgressRequest
    ) -> Answer:
        request = httpx2.Request(
            outgoing.method,
            _with_query(httpx2.URL(outgoing.uri), outgoing.query),
            headers={
                name: text
                for name, text in outgoing.headers.items()
                if name.lower() not in TRANSPORT_HEADERS
            },
            content=outgoing.body,
        )
        auth = outgoing.auth
        for _ in range(REDIRECTS_MAX + 1):
            response = await client.send(request, stream=True, auth=auth)
            body = await self._read(response, outgoing.stop_reading)
            if not (outgoing.redirect and is_redirect(response)):
                headers = _join_headers(response.headers)
                return Answer(response.status_code, headers, body, str(request.url))
            before, request = request, build_redirect(request, response)
            auth = auth if origin(before.url) == origin(request.url) else None
        raise EgressError(f"more than {REDIRECTS_MAX} redirects")

    async def _read(self, response: httpx2.Response, stop_reading: StopReading | None) -> bytes:
        body = bytearray()
        try:
            if not self._heads_only:
                async for part in response.aiter_raw():
                    body += part
                    if stop_reading is not None and await stop_reading(part):
                        break
        finally:
            await response.aclose()
        return bytes(body)


def _check_headers(headers: dict[str, str]) -> None:
    """Check the size of a request's headers, each of which the HTTP parser checks for long.

    :raises EgressError: when they are too many or too large.
    """
    size = sum(len(name) + len(text) for name, text in headers.items())
    if len(headers) > HEADERS_MAX or size > HEAD_BYTES_MAX:
        limit = f"{HEADERS_MAX} headers of {HEAD_BYTES_MAX} characters"
        raise EgressError(f"a request may have {limit}")


def _join_headers(headers: httpx2.Headers) -> dict[str, str]:
    """Return headers by name; httpx2 would search all of them for each name."""
    values: dict[str, list[str]] = {}
    for name, text in headers.multi_items():
        values.setdefault(name, []).append(text)
    return {name: ", ".join(texts) for name, texts in values.items()}


def _with_query(url: httpx2.URL, query: dict[str, Any]) -> httpx2.URL:
    """Return the URL with more query parameters; without any, it stays byte for byte."""
    return url.copy_merge_params(query) if query else url
