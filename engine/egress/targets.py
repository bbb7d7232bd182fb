"""Servers that speak something other than HTTP: found, checked and trusted as the guard does it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.egress.guard import Egress, EgressError
from engine.egress.transport import CONNECT_SECONDS_MAX, Address

HTTPS = 443
# Below are the doors of systems that never meant a stranger's workflow.
PORT_MIN = 1024

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Target:
    """A server by name, and the addresses that were checked: connect to these and to nothing else."""

    host: str
    port: int
    addresses: Sequence[Address]
    opened: bool  # whether an operator opened the host beyond the public internet


async def reached(
    egress: Egress, host: str, port: int, *, plain: Collection[int] | None = None
) -> Target:
    """Resolve a server once and check where it is.

    :param plain: the ports at which it may be spoken to without TLS; None when there will be TLS.
    :raises EgressError: when it may not be reached, or has no address.
    """
    opened = egress.opens(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    allowed = port in plain if plain is not None else port >= PORT_MIN or port == HTTPS
    if not opened and not allowed:
        raise EgressError(f"port {port} is not allowed")
    return Target(host, port, await egress.addresses(host, port), opened)


async def connected(egress: Egress, target: Target, *, tls: bool, line_bytes_max: int) -> Wire:
    """Connect to the first of the checked addresses that accepts; TLS is that of the name.

    :raises EgressError: when none does.
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
        except (OSError, TimeoutError):  # what TLS refuses is an OSError too
            continue
    raise EgressError("the server cannot be reached", code="unreachable")


def authorities(context: ssl.SSLContext) -> bytes:
    """Return the certificates that a context trusts, as PEM, for a library with a TLS of its own."""
    return "".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True))).encode()
