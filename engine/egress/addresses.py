"""Classification of IP addresses: public internet, or not.

The blocks below are data of this module. Python's own lists change with its releases, and treat
some blocks of the registries as public.
"""

from __future__ import annotations

import ipaddress

# All blocks of IANA's special-purpose registries (RFC 6890), also those that they call globally
# reachable: such an address is a service of the network in between, never a server of somebody's.
# https://www.iana.org/assignments/iana-ipv4-special-registry, as of this date.
IPV4_REGISTRY_DATE = "2021-02-04"
IPV4_SPECIAL = (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",  # private use
    "100.64.0.0/10",  # shared address space of carriers
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link-local, where most clouds have their metadata
    "172.16.0.0/12",  # private use
    "192.0.0.0/24",  # IETF protocol assignments; one cloud has metadata at 192.0.0.192
    "192.0.2.0/24",  # documentation
    "192.31.196.0/24",  # AS112
    "192.52.193.0/24",  # AMT
    "192.88.99.0/24",  # relays of 6to4
    "192.168.0.0/16",  # private use
    "192.175.48.0/24",  # AS112
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "240.0.0.0/4",  # reserved, and broadcast
)
# https://www.iana.org/assignments/iana-ipv6-special-registry, as of this date. In IPv6 only global
# unicast is public, so that blocks outside of it are closed anyway.
IPV6_REGISTRY_DATE = "2024-10-22"
IPV6_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
IPV6_SPECIAL = (
    "::/128",  # unspecified
    "::1/128",  # loopback
    "::ffff:0:0/96",  # IPv4-mapped
    "64:ff9b::/96",  # NAT64
    "64:ff9b:1::/48",  # NAT64, local use
    "100::/64",  # discard
    "2001::/23",  # IETF protocol assignments: Teredo, benchmarks, AMT, AS112, ORCHID, DRIP
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4
    "2620:4f:8000::/48",  # AS112
    "3fff::/20",  # documentation
    "5f00::/16",  # segment routing
    "fc00::/7",  # unique local
    "fe80::/10",  # link-local
)
# Not in the registries, with a meaning of their own all the same.
FURTHER = (
    "168.63.129.16/32",  # Azure's WireServer: configuration and certificates of a machine
    "224.0.0.0/4",  # multicast
    "3ffe::/16",  # the former 6bone
)
_CLOSED = [ipaddress.ip_network(block) for block in (*IPV4_SPECIAL, *IPV6_SPECIAL, *FURTHER)]


def is_public(address: str) -> bool:
    """Return whether an address is on the public internet and tunnels into no private network."""
    try:
        ip_address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip_address, ipaddress.IPv6Address) and ip_address not in IPV6_GLOBAL_UNICAST:
        return False
    return not any(ip_address in block for block in _CLOSED)
