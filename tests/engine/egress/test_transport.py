"""The transport guards clients that know nothing of the guard, such as those of libraries."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence

import httpx2
import pytest

from engine.egress.guard import PORTS, Egress, EgressError
from tests.support.egress.gauge import measure_sockets
from tests.support.egress.matrix import HOSTILE, PUBLIC, Zone
from tests.support.egress.origin import CREDENTIALS, Origin, listening, reply, to_origin

pytestmark = pytest.mark.unit


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with listening() as server:
        yield server


def allowing(inside: Origin) -> Egress:
    """Return a guard that allows the port inside and the name `outside.test`."""
    zone = Zone()

    async def resolver(host: str, port: int) -> Sequence[tuple[str, int]]:
        return [("127.0.0.1", inside.port)] if host == "outside.test" else await zone(host, port)

    return Egress(allow="outside.test", ports=(*PORTS, inside.port), resolver=resolver)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_address_is_asked_nothing(origin: Origin, name: str) -> None:
    uri = HOSTILE[name].replace("{port}", str(origin.port))
    guard = allowing(origin)
    with measure_sockets() as gauge, pytest.raises((EgressError, ValueError)) as refusal:
        async with guard.client(seconds=5) as client:
            await client.get(uri, headers=CREDENTIALS, follow_redirects=True)
    assert (gauge.connects, origin.requests) == ([], [])
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_redirect_to_a_hostile_address_is_asked_nothing(origin: Origin, name: str) -> None:
    uri = HOSTILE[name].replace("{port}", str(origin.port))
    head = (
        b"HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\nconnection: close\r\nlocation: "
    )
    origin.answer = lambda _: head + uri.encode() + b"\r\n\r\n"
    guard = allowing(origin)
    with measure_sockets() as gauge, pytest.raises((EgressError, httpx2.HTTPError)):
        async with guard.client(seconds=5) as client:
            await client.get("http://outside.test/", follow_redirects=True)
    # A location without a host is the same server's, whose name resolves to a public address.
    assert set(gauge.connects) == {("127.0.0.1", origin.port)}
    assert all("host: outside.test\r\n" in request.lower() for request in origin.requests)


async def test_a_connection_goes_to_the_address_that_was_checked(origin: Origin) -> None:
    hosts: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[tuple[str, int]]:
        hosts.append(host)
        return [(PUBLIC if len(hosts) == 1 else "127.0.0.1", port)]

    guard = Egress(ports=(*PORTS, origin.port), resolver=rebinding)
    for connects in ([(PUBLIC, origin.port)], []):
        with measure_sockets() as gauge, pytest.raises(EgressError):
            async with guard.client(seconds=5) as client:
                await client.get(f"http://moving.test:{origin.port}/")
        assert gauge.connects == connects
    assert (hosts, origin.requests) == (["moving.test"] * 2, [])


async def test_a_client_cannot_name_another_host_than_its_address(origin: Origin) -> None:
    async with to_origin(origin).client(seconds=5) as client:
        await client.get("http://a.test:80/", headers={"Host": "evil.test"})
    assert "host: a.test\r\n" in origin.requests[0].lower()
    assert "evil" not in origin.requests[0]


async def test_an_answer_is_not_decompressed(origin: Origin) -> None:
    packed = gzip.compress(bytes(100_000))
    origin.answer = lambda _: reply(packed, content_encoding="gzip")
    async with to_origin(origin).client(seconds=5) as client:
        answer = await client.get("http://a.test/")
    assert answer.content == packed
    assert "accept-encoding: identity\r\n" in origin.requests[0].lower()


async def test_a_body_is_bounded(origin: Origin) -> None:
    origin.answer = lambda _: reply(bytes(1_001))
    with pytest.raises(EgressError, match="larger than 1000 bytes"):
        async with to_origin(origin).client(seconds=5, bytes_max=1_000) as client:
            await client.get("http://a.test/")


async def test_the_block_has_a_deadline(origin: Origin) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        origin.port = server.sockets[0].getsockname()[1]
        with pytest.raises(EgressError, match="in time") as late:
            async with to_origin(origin).client(seconds=0.3) as client:
                await client.get("http://a.test/")
    assert late.value.code == "timeout"


async def test_a_library_sees_the_errors_it_knows(origin: Origin) -> None:
    origin.answer = lambda _: b"nonsense\r\n\r\n"
    async with to_origin(origin).client(seconds=5) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get("http://a.test/")
