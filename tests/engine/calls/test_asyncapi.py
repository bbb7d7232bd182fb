"""AsyncAPI activities: allowed brokers, hostile brokers, and no lost messages."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from bin.devtools.fakes import brokers, openapi
from bin.devtools.fakes.https_server import HOSTS, FakeServer, fake_server
from engine.activities.asyncapi import AsyncApiActivities
from engine.calls.asyncapi import brokers as spoken
from engine.calls.asyncapi.document import Route, find_route
from engine.calls.asyncapi.open_subscriptions import (
    ACCOUNT_MAX,
    BrokerSubscription,
    OpenSubscriptions,
)
from engine.calls.http import HttpCaller
from engine.contracts.calls import AsyncApiCall, HttpCall
from engine.egress.guard import BODY_BYTES_MAX, Egress, EgressError
from engine.expressions.sandbox.fair_queue import ACCOUNT

pytestmark = pytest.mark.unit


CALL = AsyncApiCall(
    document=HttpCall("GET", f"https://{openapi.API}/asyncapi.json"),
    operation="ticks",
    channel=None,
    server="redis",
    protocol=None,
    variables={},
    authentication=None,
    timeout_seconds=5.0,
    subscription="s",
    count_max=3,
)
GREETING = replace(CALL, operation="room", message={"payload": {"greeting": "Hi"}})
ZEROS = b"0" * 65_536


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with fake_server() as standing:
        yield standing


def guard(server: FakeServer, *, allow: str = ",".join(HOSTS), **more: Any) -> Egress:
    trusted: dict[str, Any] = {"resolver": server.resolve, "ssl_context": server.ssl_context}
    return Egress(allow=allow, **(trusted | more))


def make_activities(server: FakeServer, **more: Any) -> AsyncApiActivities:
    return AsyncApiActivities(HttpCaller(guard(server, **more)))


def to(broker: str) -> Route:
    return find_route(brokers.DOCUMENT_3, replace(CALL, server=broker))


async def consume(activities: AsyncApiActivities, call: AsyncApiCall) -> list[Any]:
    batch = await ActivityEnvironment().run(activities.consume, call)
    return [message["payload"] for message in batch.messages]


async def failure_of(activities: AsyncApiActivities, call: AsyncApiCall) -> tuple[str | None, str]:
    work = activities.consume if call.message is None else activities.publish
    with pytest.raises(ApplicationError) as raised:
        await ActivityEnvironment().run(work, call)
    return raised.value.type, raised.value.message


@asynccontextmanager
async def hostile(server: FakeServer, says: bytes) -> AsyncIterator[AsyncApiActivities]:
    """Yield activities whose broker answers the first packet with these bytes only."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(4096)
            writer.write(says)
            await writer.drain()
            await reader.read()
        except OSError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]

    async def resolve(host: str, at: int) -> Sequence[tuple[str, int]]:
        return [("127.0.0.1", port)] if host in brokers.HOSTS else await server.resolve(host, at)

    async with listening:
        yield make_activities(server, resolver=resolve)


@pytest.mark.parametrize("broker", ["redis", "mqtt"])
async def test_what_comes_between_two_requests_for_messages_is_not_lost(
    server: FakeServer, broker: str
) -> None:
    activities, numbers = make_activities(server), list[int]()
    while len(numbers) < 20:
        numbers += [tick["n"] for tick in await consume(activities, replace(CALL, server=broker))]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert await consume(activities, replace(CALL, server=broker, count_max=1, linger=True))
    assert activities.subscriptions.pop("s") is None, "nobody asks any more"


async def test_a_request_for_so_many_messages_waits_for_all_of_them(server: FakeServer) -> None:
    numbers = [
        tick["n"]
        for tick in await consume(make_activities(server), replace(CALL, count_max=5, linger=True))
    ]
    assert numbers == list(range(numbers[0], numbers[0] + 5))


async def test_messages_faster_than_they_are_consumed_end_the_subscription() -> None:
    async def flood() -> AsyncIterator[bytes]:
        while True:
            yield ZEROS
            await asyncio.sleep(0)

    subscription = BrokerSubscription(flood())
    messages = await subscription.receive(1000, linger=True, seconds=10.0)
    assert 1 < len(messages) * len(ZEROS) < 2 * BODY_BYTES_MAX
    with pytest.raises(EgressError, match="faster than they are consumed"):
        await subscription.receive(1, linger=False, seconds=10.0)
    await subscription.close()


async def test_an_account_has_a_limited_number_of_open_subscriptions() -> None:
    async def silence() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    subscriptions = OpenSubscriptions[BrokerSubscription]()
    for account, count in (("one", ACCOUNT_MAX + 2), ("other", 1)):
        token = ACCOUNT.set(account)
        for n in range(count):
            subscriptions.add(f"{account}{n}", BrokerSubscription(silence()))
        ACCOUNT.reset(token)
    assert subscriptions.pop("one0") is subscriptions.pop("one1") is None
    rest = [f"one{n}" for n in range(2, ACCOUNT_MAX + 2)]
    for name in (*rest, "other0"):
        subscription = subscriptions.pop(name)
        assert subscription is not None
        await subscription.close()


@pytest.mark.parametrize("broker", ["redis", "mqtt", "mqtts"])
@pytest.mark.parametrize(
    ("address", "port", "detail"),
    [
        ("127.0.0.1", None, "the host is not on the public internet"),
        ("192.168.0.1", None, "the host is not on the public internet"),
        ("8.8.8.8", 25, "port 25 is not allowed"),
    ],
)
async def test_a_broker_within_or_at_another_services_port_is_not_spoken_to(
    server: FakeServer, broker: str, address: str, port: int | None, detail: str
) -> None:
    egress = guard(server, allow="", resolver=lambda _, at: resolve_to([(address, at)]))
    route = to(broker)
    with pytest.raises(EgressError, match=detail):
        await spoken.publish(egress, replace(route, port=port or route.port), {}, b"{}")


@pytest.mark.parametrize("broker", ["redis", "mqtt"])
async def test_without_tls_a_public_broker_is_spoken_to_at_its_own_port_alone(
    server: FakeServer, broker: str
) -> None:
    egress = guard(server, allow="", resolver=lambda _, at: resolve_to([("8.8.8.8", at)]))
    with pytest.raises(EgressError, match="port 11211 is not allowed"):
        await spoken.publish(egress, replace(to(broker), port=11211), {}, b"{}")


async def resolve_to(addresses: Sequence[tuple[str, int]]) -> Sequence[tuple[str, int]]:
    return addresses


async def test_a_broker_whose_certificate_nobody_trusts_is_not_spoken_to(
    server: FakeServer,
) -> None:
    await spoken.publish(guard(server), to("mqtts"), {}, b"{}")
    egress = guard(server, ssl_context=ssl.create_default_context())
    with pytest.raises(EgressError, match="the server cannot be reached"):
        await spoken.publish(egress, to("mqtts"), {}, b"{}")


async def test_a_broker_whose_certificate_is_anothers_is_not_spoken_to(server: FakeServer) -> None:
    at = await server.resolve(brokers.MQTT, 8883)
    egress = guard(server, allow="other.example.org", resolver=lambda _, __: resolve_to(at))
    with pytest.raises(EgressError, match="the server cannot be reached"):
        await spoken.publish(egress, replace(to("mqtts"), host="other.example.org"), {}, b"{}")


@pytest.mark.parametrize(
    ("broker", "says", "detail"),
    [
        ("redis", b"$2147483647\r\n", "the message is larger than 1048576 bytes"),
        ("redis", b"*2147483647\r\n", "the server does not speak Redis"),
        ("redis", b"*1\r\n" * 1000, "the server does not speak Redis"),
        ("redis", b"HTTP/1.1 400 Bad Request\r\n\r\n", "the server does not speak Redis"),
        ("redis", b":" + b"9" * 6000 + b"\r\n", "the server does not speak Redis"),
        ("redis", ZEROS * 4, "the server ended the connection"),
        ("redis", b"-ERR no\r\n", "the broker refused: ERR no"),
        ("mqtt", b"\x20\xff\xff\xff\x7f", "the message is larger than 1048576 bytes"),
        ("mqtt", b"\x20\x00", "the server does not speak MQTT"),
        ("mqtt", b"\x40\x02\x00\x01", "the server does not speak MQTT"),
        ("mqtt", b"\x20\x02\x00\x03", "the broker refused: the connection was refused (3)"),
    ],
)
async def test_a_server_that_speaks_something_else_is_a_communication_error(
    server: FakeServer, broker: str, says: bytes, detail: str
) -> None:
    async with hostile(server, says) as activities:
        error = await failure_of(activities, replace(GREETING, server=broker))
    assert error == ("communication", detail)


async def test_a_server_that_says_nothing_is_a_timeout(server: FakeServer) -> None:
    async with hostile(server, b"") as activities:
        error = await failure_of(activities, replace(GREETING, timeout_seconds=0.5))
    assert error == ("timeout", "the call took too long")


@pytest.mark.parametrize(
    ("members", "detail"),
    [
        (
            {"operations": {"room": {"channel": {"$ref": "https://example.org/#/a"}}}},
            "leads out of",
        ),
        (
            {"operations": {"room": {"channel": {"$ref": "#/operations/room/channel"}}}},
            "leads nowhere",
        ),
        ({"servers": {}}, "the channel has no such server"),
        ({"asyncapi": "1.2.0"}, "none of AsyncAPI 2 or 3"),
    ],
)
def test_a_document_that_leads_nowhere_is_told(members: dict[str, Any], detail: str) -> None:
    with pytest.raises(ValueError, match=detail):
        find_route(brokers.DOCUMENT_3 | members, GREETING)


def test_a_server_names_its_port_or_has_the_usual_one() -> None:
    for host, port in (("mqtt.example.org", 8883), ("mqtt.example.org:9000", 9000)):
        servers = {"mqtts": {"host": host, "protocol": "secure-mqtt"}}
        route = find_route(
            brokers.DOCUMENT_3 | {"servers": servers},
            replace(GREETING, operation="keep", server="mqtts"),
        )
        assert (route.tls, route.host, route.port) == (True, "mqtt.example.org", port)


@pytest.mark.parametrize(
    ("policy", "kind", "detail"),
    [
        (
            {"bearer": {"token": "t"}},
            "configuration",
            "redis supports only authentication by basic",
        ),
        (
            {"basic": {"username": "a"}},
            "authentication",
            "the authentication has no username, or no password",
        ),
        ({"basic": "a"}, "authentication", "the authentication has no username, or no password"),
    ],
)
async def test_a_policy_that_a_broker_cannot_be_told_is_an_error(
    server: FakeServer, policy: dict[str, Any], kind: str, detail: str
) -> None:
    call = replace(GREETING, authentication=policy)
    assert await failure_of(make_activities(server), call) == (kind, detail)
