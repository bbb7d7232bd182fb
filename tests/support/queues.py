"""Queues of a broker: routes to them, messages and consumers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from bin.devtools.fakes import openapi, rabbitmq
from bin.devtools.fakes.https_server import HOSTS, FakeServer
from engine.calls.asyncapi import brokers
from engine.calls.asyncapi.amqp_queues import QueueConsumer
from engine.calls.asyncapi.document import Route, find_route
from engine.contracts.calls import AsyncApiCall, HttpCall
from engine.egress.guard import Egress

CALL = AsyncApiCall(
    document=HttpCall("GET", f"https://{openapi.API}/queues.json"),
    operation="made",
    channel=None,
    server=None,
    protocol=None,
    variables={},
    authentication=None,
    timeout_seconds=5.0,
    subscription="s",
    count_max=10,
    every=True,
)


def guard(server: FakeServer, *, allow: str = ",".join(HOSTS), **more: Any) -> Egress:
    options: dict[str, Any] = {"resolver": server.resolve, "ssl_context": server.ssl_context}
    return Egress(allow=allow, **(options | more))


def to(operation: str, **queue: Any) -> Route:
    """Return the route of an operation, or with `queue` of a queue for one test."""
    route = find_route(rabbitmq.DOCUMENT, replace(CALL, operation=operation))
    return replace(route, channel={"is": "queue", "queue": queue}) if queue else route


def fresh() -> Route:
    return to("made", name=f"fresh-{uuid4()}", durable=False)


async def put(server: FakeServer, route: Route, *payloads: bytes) -> None:
    for payload in payloads:
        await brokers.publish(guard(server), route, {}, payload)


def consumer(server: FakeServer, route: Route) -> QueueConsumer:
    return QueueConsumer(guard(server), route, {})
