from __future__ import annotations

import ipaddress

import pytest

from engine.egress import addresses
from engine.egress.addresses import is_public

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.1",
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "192.0.0.1", "192.88.99.1",
        "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::",
        "2001::1", "2001:db8::1", "3fff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1",
        "fd00:ec2::254", "ff02::1",
        "100::1", "5f00::1", "not an address", "",
        "168.63.129.16", "192.0.0.8", "192.0.0.9", "192.0.0.170", "192.0.0.192", "192.31.196.1",
        "192.52.193.1", "192.88.99.2", "192.175.48.1", "2001:1::1", "2001:20::1",
        "2001:4:112::1", "2620:4f:8000::1", "3ffe::1",
    ],
)  # fmt: skip
def test_an_address_that_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8", "1.1.1.1", "168.63.129.17", "192.0.1.1", "2606:4700:4700::1111",
        "2a00:1450:4001::1", "2001:200::1",
    ],
)  # fmt: skip
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "block", [*addresses.IPV4_SPECIAL, *addresses.IPV6_SPECIAL, *addresses.FURTHER]
)
def test_no_end_of_a_special_block_is_public(block: str) -> None:
    network = ipaddress.ip_network(block)
    assert not is_public(str(network[0]))
    assert not is_public(str(network[-1]))
