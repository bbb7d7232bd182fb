"""Connections to external servers that do not speak HTTP, under the rules of the guard."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.egress.guard import Egress, EgressError
from engine.egress.transport import CONNECT_SECONDS_MAX, Address

HTTPS = 443
# Ports below belong to system services, which a workflow of an account must not reach.
PORT_MIN = 1024

StreamPair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


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


async def connect(egress: Egress, target: Target, *, tls: bool, line_bytes_max: int) -> StreamPair:
    """Connect to the first checked address that accepts; TLS verifies the name.

    :raises EgressError: when none accepts.
    """
    context = egress.ssl_context if tls else None
    for address, port in target.addresses:
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                return await asyncio.open_connection(
                    address,
                    port,
                    limit=line_bytes_max,
                    ssl=context,
                    server_hostname=target.host if tls else None,
                )
        except (OSError, TimeoutError):  # a TLS failure is an OSError too
            continue
    raise EgressError("the server cannot be reached", code="unreachable")


def authorities(context: ssl.SSLContext) -> bytes:
    """Return the certificates that a context trusts, as PEM, for libraries with their own TLS."""
    return "".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True))).encode()
