"""Classification of IP addresses: public internet, or not."""

from __future__ import annotations

import ipaddress

_IPV4_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")  # relays of 6to4 (RFC 7526)
# In IPv6 only global unicast is public; blocks for tunnels and documentation are not (RFC 6890).
_IPV6_PUBLIC = ipaddress.IPv6Network("2000::/3")
_IPV6_SPECIAL = [
    ipaddress.IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "3ffe::/16")
]


def is_public(address: str) -> bool:
    """Return whether an address is on the public internet and tunnels into no private network."""
    try:
        ip_address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip_address, ipaddress.IPv4Address):
        return (
            ip_address.is_global and not ip_address.is_multicast and ip_address not in _IPV4_RELAYS
        )
    return (
        ip_address in _IPV6_PUBLIC
        and ip_address.is_global
        and not any(ip_address in block for block in _IPV6_SPECIAL)
    )
