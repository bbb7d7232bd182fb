"""Connections to external servers that do not speak HTTP, under the rules of the guard."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.egress.guard import BODY_BYTES_MAX, Egress, EgressError
from engine.egress.pace import ITEM_WEIGHT, Pace
from engine.egress.transport import CONNECT_SECONDS_MAX, Address

HTTPS = 443
# Ports below belong to system services, which a workflow of an account must not reach.
PORT_MIN = 1024

# What a server may send for one request or for one message, besides the largest message: other
# packets, and the frames of the message. Each read counts ITEM_WEIGHT bytes more.
EXCESS_BYTES_MAX = 131_072
ENDED = "the server ended the connection"


@dataclass(frozen=True, slots=True)
class Target:
    """Server with its checked addresses, the only ones to connect to."""

    host: str
    port: int
    addresses: Sequence[Address]
    is_allowlisted: bool  # by the operator


async def resolve_target(
    egress: Egress, host: str, port: int, *, plain: Collection[int] | None = None
) -> Target:
    """Resolve a server once and check its port and addresses.

    :param plain: the ports that are allowed without TLS; None for a connection with TLS.
    :raises EgressError: when it is not allowed, or has no address.
    """
    is_allowlisted = egress.is_allowlisted(
        f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    )
    is_port_allowed = port in plain if plain is not None else port >= PORT_MIN or port == HTTPS
    if not is_allowlisted and not is_port_allowed:
        raise EgressError(f"port {port} is not allowed")
    return Target(host, port, await egress.addresses(host, port), is_allowlisted)


class Connection:
    """Connection to a server that limits what it sends for each request or message.

    Reads of what has arrived already do not wait, so they let other tasks run by their weight.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._pace = Pace()
        self._bytes_rest = 0
        self.expect_message()

    def expect_message(self) -> None:
        """Allow the server to send one more message, with what may come before it."""
        self._bytes_rest = BODY_BYTES_MAX + EXCESS_BYTES_MAX

    async def read(self, size: int) -> bytes:
        """Return so many bytes; a time-out loses none of them.

        :raises EgressError: when the connection ends, or the server has sent too much.
        """
        await self._pace.spend(size + ITEM_WEIGHT)
        try:
            octets = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            raise EgressError(ENDED, code="unreachable") from None
        self._count(size)
        return octets

    async def read_line(self) -> bytes:
        """Return the next line without its end (CR LF).

        :raises EgressError: when the connection ends, or the server has sent too much.
        """
        await self._pace.spend(2 * ITEM_WEIGHT)
        try:
            line = await self._reader.readuntil(b"\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            raise EgressError(ENDED, code="unreachable") from None
        self._count(len(line))
        return line[:-2]

    async def write(self, octets: bytes) -> None:
        """Send bytes, and wait while the server does not read.

        :raises EgressError: when the connection has ended.
        """
        try:
            self._writer.write(octets)
            await self._writer.drain()
        except OSError:
            raise EgressError(ENDED, code="unreachable") from None

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    def _count(self, size: int) -> None:
        self._bytes_rest -= size + ITEM_WEIGHT
        if self._bytes_rest < 0:
            raise EgressError("the server sends more than it was asked for")


async def connect(egress: Egress, target: Target, *, tls: bool, line_bytes_max: int) -> Connection:
    """Connect to the first checked address that accepts; TLS verifies the name.

    :raises EgressError: when none accepts.
    """
    context = egress.ssl_context if tls else None
    for address, port in target.addresses:
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                streams = await asyncio.open_connection(
                    address,
                    port,
                    limit=line_bytes_max,
                    ssl=context,
                    server_hostname=target.host if tls else None,
                )
                return Connection(*streams)
        except (OSError, TimeoutError):  # a TLS failure is an OSError too
            continue
    raise EgressError("the server cannot be reached", code="unreachable")


def authorities(context: ssl.SSLContext) -> bytes:
    """Return the certificates that a context trusts, as PEM, for libraries with their own TLS."""
    return "".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True))).encode()
