"""Consumption of AMQP queues: no message is lost with a worker or between two consumers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from pamqp import commands
from temporalio import workflow
from temporalio.client import Client, CompleteAsyncActivityInput, Interceptor, OutboundInterceptor
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bin.devtools.fakes.https_server import FakeServer, fake_server
from bin.devtools.fakes.rabbitmq import RabbitBroker
from bin.devtools.stack.servers import Stack
from engine.activities.asyncapi import AsyncApiActivities
from engine.calls.asyncapi import amqp
from engine.calls.asyncapi.amqp_queues import QueueConsumer, connect
from engine.calls.asyncapi.errors import BrokerError
from engine.calls.http import HttpCaller
from engine.contracts.calls import CONSUME_MESSAGES, AsyncApiCall, ConsumedMessages
from engine.egress.guard import BODY_BYTES_MAX, EgressError
from engine.temporal.heartbeat_interceptor import Heartbeats
from tests.support.queues import CALL, consumer, fresh, guard, put, to

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def server(rabbit: RabbitBroker) -> Iterator[FakeServer]:
    with fake_server(rabbit) as standing:
        yield standing


async def take(by: QueueConsumer, count_max: int, *, seconds: float = 0.2) -> list[bytes]:
    return [one.body for one in await by.receive(count_max, linger=True, seconds=seconds)]


async def test_what_was_not_acknowledged_goes_back_when_its_taker_is_gone(
    server: FakeServer,
) -> None:
    route = fresh()
    await put(server, route, b"1", b"2", b"3")
    killed = consumer(server, route)
    assert await take(killed, 2) == [b"1", b"2"]
    killed.abort()
    after = consumer(server, route)
    deliveries = await after.receive(3, linger=True, seconds=5.0)
    assert [one.body for one in deliveries] == [b"1", b"2", b"3"]
    await after.acknowledge(deliveries, close=True)
    last = consumer(server, route)
    assert await take(last, 1) == []
    await last.close()


async def test_between_two_requests_a_queue_serves_whoever_else_asks(server: FakeServer) -> None:
    route = fresh()
    await put(server, route, b"1", b"2")
    one, other = consumer(server, route), consumer(server, route)
    deliveries = await one.receive(1, linger=False, seconds=5.0)
    await one.acknowledge(deliveries, close=False)
    assert [message.body for message in deliveries] == [b"1"]
    assert await take(other, 1, seconds=5.0) == [b"2"], "the one that rests holds nothing back"
    await one.close()
    await other.close()


async def test_more_than_an_activity_may_hold_stays_in_the_queue_in_its_order(
    server: FakeServer,
) -> None:
    route, half = fresh(), BODY_BYTES_MAX * 2 // 5
    await put(server, route, *[bytes([65 + number]) * half for number in range(4)])
    reader = consumer(server, route)
    prefixes = b""
    for prefix in (b"AB", b"CD"):
        deliveries = await reader.receive(4, linger=True, seconds=5.0)
        assert bytes(one.body[0] for one in deliveries) == prefix
        await reader.acknowledge(deliveries, close=False)
        prefixes += prefix
    assert prefixes == b"ABCD"
    await reader.close()


async def test_a_message_that_is_too_large_is_an_error_and_stays_where_it_is(
    server: FakeServer,
) -> None:
    route = fresh()
    await put(server, route, b"0" * (BODY_BYTES_MAX + 1))
    for _ in range(2):
        reader = consumer(server, route)
        with pytest.raises(EgressError, match=f"the message is larger than {BODY_BYTES_MAX} bytes"):
            await reader.receive(1, linger=False, seconds=5.0)
        reader.abort()


async def test_a_queue_that_is_deleted_ends_its_subscription(server: FakeServer) -> None:
    route = fresh()
    name, reader = route.channel["queue"]["name"], consumer(server, route)
    waiting = asyncio.create_task(reader.receive(1, linger=False, seconds=20.0))
    async with connect(guard(server), route, {}) as connection:
        ask = commands.Queue.Declare(queue=name, durable=False)
        while not (await amqp.request(connection, ask, commands.Queue.DeclareOk)).consumer_count:
            pass
        await amqp.request(connection, commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)
    with pytest.raises(BrokerError, match="the queue was deleted"):
        await waiting
    reader.abort()


@workflow.defn
class Taking:
    """Takes messages as a subscription does."""

    @workflow.run
    async def run(self, call: AsyncApiCall) -> ConsumedMessages:
        """Return the messages."""
        batch: ConsumedMessages = await workflow.execute_activity(
            CONSUME_MESSAGES,
            call,
            result_type=ConsumedMessages,
            start_to_close_timeout=timedelta(seconds=40),
        )
        return batch


class Losing(Interceptor):
    """Loses the first answer of an activity, on its way to the server or on the way back."""

    def __init__(self, *, arrives: bool) -> None:
        self.arrives = arrives
        self.lost = 0

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        """Return what loses."""
        return _Losing(next, self)


class _Losing(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, losing: Losing) -> None:
        super().__init__(following)
        self._losing = losing

    async def complete_async_activity(self, input: CompleteAsyncActivityInput) -> None:  # noqa: A002 - the SDK's name
        losing = self._losing
        if losing.lost or losing.arrives:
            await super().complete_async_activity(input)
        if not losing.lost:
            losing.lost += 1
            raise RPCError("lost", RPCStatusCode.UNAVAILABLE, b"")


@pytest.mark.parametrize("arrives", [False, True], ids=["on its way", "on the way back"])
async def test_a_message_is_acknowledged_only_when_its_workflow_has_it(
    stack: Stack, server: FakeServer, arrives: bool
) -> None:
    losing = Losing(arrives=arrives)
    client = await Client.connect(
        stack.temporal_address, namespace=stack.temporal_namespace, interceptors=[losing]
    )
    activities, queue = AsyncApiActivities(HttpCaller(guard(server))), f"queues-{uuid4()}"
    await put(server, to("copies"), b'"1"', b'"2"')
    async with Worker(
        client,
        task_queue=queue,
        workflows=[Taking],
        activities=[activities.consume],
        interceptors=[Heartbeats()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        call = replace(CALL, operation="copies", count_max=2, linger=True)
        batch = await client.execute_workflow(Taking.run, call, id=queue, task_queue=queue)
        assert [message["payload"] for message in batch.messages] == ["1", "2"]
        again = consumer(server, to("copies"))
        deliveries = await again.receive(2, linger=True, seconds=5.0 if arrives else 0.3)
        assert [one.body for one in deliveries] == ([b'"1"', b'"2"'] if arrives else []), (
            "delivered twice, never lost"
        )
        if deliveries:
            await again.acknowledge(deliveries, close=True)
        await again.close()
    assert losing.lost == 1
