"""Which addresses are on the public internet, and lead nowhere else."""

from __future__ import annotations

import ipaddress

_IPV4_CLOSED = ipaddress.IPv4Network("192.88.99.0/24")  # the relays of 6to4 (RFC 7526)
# Global unicast is all of IPv6 that is public; what tunnels into IPv4 or documents is not (RFC 6890).
_IPV6_PUBLIC = ipaddress.IPv6Network("2000::/3")
_IPV6_CLOSED = [
    ipaddress.IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "3ffe::/16")
]


def is_public(address: str) -> bool:
    """Tell whether an address is on the public internet and is not a way back into a private one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return found.is_global and not found.is_multicast and found not in _IPV4_CLOSED
    return (
        found in _IPV6_PUBLIC
        and found.is_global
        and not any(found in block for block in _IPV6_CLOSED)
    )
