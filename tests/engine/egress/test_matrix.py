"""Hostile addresses, requested directly and by a redirect: no connection and no leak."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import httpx2
import pytest

from engine.egress.guard import PORTS, Egress, EgressError, certifi_context
from tests.support.egress.gauge import measure_sockets
from tests.support.egress.matrix import HOSTILE, PASSING, PUBLIC, Zone
from tests.support.egress.origin import Origin, get, listening, reply

pytestmark = pytest.mark.unit


PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
TLS = certifi_context()


@pytest.fixture
async def inside() -> AsyncIterator[Origin]:
    """Yield a server on both loopbacks, on one port, that no request may reach."""
    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(listening())
        if socket.has_dualstack_ipv6():
            server = await asyncio.start_server(origin.serve, "::1", origin.port)
            await stack.enter_async_context(server)
        yield origin


@pytest.fixture
async def outside() -> AsyncIterator[Origin]:
    """Yield a server that guards may reach, by the name `outside.test`."""
    async with listening() as server:
        yield server


@pytest.fixture(autouse=True)
def _proxies(inside: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the inside as everybody's proxy, which the guard is not to know."""
    for name in PROXIES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{inside.port}/")


def guard(inside: Origin, outside: Origin) -> Egress:
    """Allow the port of the inside, so that only addresses keep it closed."""
    zone = Zone()

    async def resolver(host: str, port: int) -> Sequence[tuple[str, int]]:
        return [("127.0.0.1", outside.port)] if host == "outside.test" else await zone(host, port)

    return Egress(
        allow="outside.test", ports=(*PORTS, inside.port), resolver=resolver, ssl_context=TLS
    )


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_address_is_asked_nothing(
    inside: Origin, outside: Origin, name: str
) -> None:
    uri = HOSTILE[name].replace("{port}", str(inside.port))
    with measure_sockets() as gauge, pytest.raises(EgressError) as refusal:
        await guard(inside, outside).send(get(uri))
    assert (gauge.connects, inside.requests) == ([], [])
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_redirect_to_a_hostile_address_is_asked_nothing(
    inside: Origin, outside: Origin, name: str
) -> None:
    uri = HOSTILE[name].replace("{port}", str(inside.port))
    head = (
        b"HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\nconnection: close\r\nlocation: "
    )
    outside.answer = lambda _: head + uri.encode() + b"\r\n\r\n"
    with measure_sockets() as gauge, pytest.raises(EgressError):
        await guard(inside, outside).send(
            get("http://outside.test/", auth=httpx2.BasicAuth("u", "canary"))
        )
    # A location without a host is the same server's.
    assert set(gauge.connects) == {("127.0.0.1", outside.port)}
    assert inside.requests == []


@pytest.mark.parametrize("uri", PASSING)
async def test_a_public_address_is_connected_to_as_it_was_checked(
    inside: Origin, outside: Origin, uri: str
) -> None:
    with measure_sockets() as gauge, pytest.raises(EgressError, match="cannot be reached"):
        await guard(inside, outside).send(get(uri))
    assert gauge.connects == PASSING[uri]


async def test_a_name_that_moves_inside_after_the_check_is_reached_where_it_was(
    inside: Origin,
) -> None:
    hosts: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[tuple[str, int]]:
        hosts.append(host)
        return [(PUBLIC if len(hosts) == 1 else "127.0.0.1", port)]

    moving = Egress(ports=(*PORTS, inside.port), resolver=rebinding, ssl_context=TLS)
    for connects in ([(PUBLIC, inside.port)], []):
        with measure_sockets() as gauge, pytest.raises(EgressError):
            await moving.send(get(f"http://moving.test:{inside.port}/"))
        assert gauge.connects == connects
    assert (hosts, inside.requests) == (["moving.test"] * 2, [])


async def test_a_redirect_to_the_same_name_is_resolved_and_checked_anew(
    inside: Origin, outside: Origin
) -> None:
    places = iter([outside.port, inside.port])

    async def rebinding(*_: object) -> Sequence[tuple[str, int]]:
        return [("127.0.0.1", next(places))]

    outside.answer = lambda _: reply(b"", "302 Found", location="http://outside.test:81/")
    narrow = Egress(allow="outside.test:80", ports=(80, 81), resolver=rebinding, ssl_context=TLS)
    with pytest.raises(EgressError, match="public internet"):
        await narrow.send(get("http://outside.test/"))
    assert (outside.connects, inside.connects) == (1, 0)


async def test_the_gauge_sees_a_connect(inside: Origin) -> None:
    with measure_sockets() as gauge:
        _, writer = await asyncio.open_connection("127.0.0.1", inside.port)
        writer.close()
        await writer.wait_closed()
    assert gauge.connects == [("127.0.0.1", inside.port)]


def test_the_matrix_is_as_large_as_it_says() -> None:
    assert len(HOSTILE) >= 45
    assert len(set(HOSTILE.values())) == len(HOSTILE)
