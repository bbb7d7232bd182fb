"""Activities that publish and consume messages of services with an AsyncAPI document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from temporalio import activity

from engine.calls.asyncapi import amqp_bindings, brokers, http_polling
from engine.calls.asyncapi.amqp import AmqpDelivery
from engine.calls.asyncapi.amqp_frames import TABLE_BYTES_MAX
from engine.calls.asyncapi.amqp_queues import MessageProperties, QueueConsumer
from engine.calls.asyncapi.document import Route
from engine.calls.asyncapi.errors import BrokerAuthenticationError, BrokerError
from engine.calls.asyncapi.open_subscriptions import BrokerSubscription, OpenSubscriptions
from engine.calls.descriptions import commands, reader
from engine.calls.errors import failure, translate_errors
from engine.calls.http import HttpCaller
from engine.contracts.calls import (
    CONSUME_MESSAGES,
    PUBLISH_MESSAGE,
    AsyncApiCall,
    ConsumedMessages,
    HttpCall,
)
from engine.egress.pace import Pace, run_by_size
from engine.interpreter.constructs.call_http import to_query
from engine.interpreter.constructs.subscribe_asyncapi import WAIT_SECONDS_MAX
from engine.language import json_schema
from engine.language.errors import ExhaustedError, FaultError
from engine.temporal.async_completion import answer

# Codes of Redis and AMQP (403 and 530, section 1.4) for refused credentials and permissions.
_ERROR_KINDS = {
    **dict.fromkeys(("NOAUTH", "WRONGPASS"), "authentication"),
    **dict.fromkeys(("NOPERM", "403", "530"), "authorization"),
}
_METHODS_WITH_QUERY = ("GET", "HEAD")


class AsyncApiActivities:
    """Activities of `call: asyncapi`; it has the open subscriptions of this worker."""

    def __init__(self, http: HttpCaller) -> None:
        self._http = http
        self.subscriptions = OpenSubscriptions[BrokerSubscription]()
        self.consumers = OpenSubscriptions[QueueConsumer]()

    @activity.defn(name=PUBLISH_MESSAGE)
    async def publish(self, call: AsyncApiCall) -> None:
        """Validate one message by the document and publish it.

        :raises ApplicationError: of the kind of the failure; Temporal does not retry it.
        """
        async with _translate_errors(call.timeout_seconds):
            route = await self._route(call)
            message = call.message or {}
            payload, headers = message.get("payload"), message.get("headers")
            await _validate("payload", payload, route.payload_schema)
            await _validate("headers", headers or {}, route.headers_schema)
            if route.protocol == "http":
                await self._send(route, call, payload, headers or {})
                return
            if headers and route.protocol != "amqp":
                raise ValueError(f"{route.protocol} messages have no headers")
            properties = MessageProperties(
                headers or {},
                route.media_type,
                http_polling.correlation_id(message, route),
            )
            policy, body = call.authentication or {}, _encode(payload, route)
            await brokers.publish(self._http.egress, route, policy, body, properties)

    @activity.defn(name=CONSUME_MESSAGES)
    async def consume(self, call: AsyncApiCall) -> ConsumedMessages:
        """Wait for messages and return those that arrive in time.

        :raises ApplicationError: of the kind of the failure.
        """
        subscription = self.subscriptions.pop(call.subscription)
        stays_open = False
        try:
            async with _translate_errors(call.timeout_seconds + call.document.timeout_seconds):
                route = await self._route(call)
                if route.protocol == "http":
                    return await http_polling.poll(self._http, route, call)
                if route.protocol == "amqp":
                    return await self._consume_queue(route, call)
                policy = call.authentication or {}
                if subscription is None:
                    subscription = BrokerSubscription(
                        brokers.iterate_messages(self._http.egress, route, policy)
                    )
                messages = await subscription.receive(
                    call.count_max, linger=call.linger, seconds=call.timeout_seconds
                )
                stays_open = not call.linger or len(messages) < call.count_max
                texts = [message.decode(errors="replace") for message in messages]
                return ConsumedMessages(await http_polling.build_messages(texts, route))
        finally:
            if subscription is not None:
                if stays_open:
                    self.subscriptions.add(call.subscription, subscription)
                else:
                    await subscription.close()

    async def _route(self, call: AsyncApiCall) -> Route:
        answer = await self._http.send(call.document, bytes_max=reader.DESCRIPTION_BYTES_MAX)
        arguments = commands.route_arguments(call)
        return commands.build_route(await reader.execute(commands.FIND_ROUTE, answer, arguments))

    async def _consume_queue(self, route: Route, call: AsyncApiCall) -> ConsumedMessages:
        """Receive messages of a queue, and acknowledge them once the workflow's history has them.

        The history has them when Temporal has this activity's answer, so it answers from within.
        """
        consumer = self.consumers.pop(call.subscription)
        if consumer is None:
            consumer = QueueConsumer(self._http.egress, route, call.authentication or {})
        count_max = call.count_max if call.every else 1
        async with consumer.lock:
            try:
                deliveries = await consumer.receive(
                    count_max, linger=call.linger, seconds=call.timeout_seconds
                )
                batch = ConsumedMessages(await _to_messages(deliveries, route))
                is_last = call.linger and len(deliveries) == count_max
                if not deliveries and call.timeout_seconds < WAIT_SECONDS_MAX:
                    await consumer.close()  # the subscription's time is over
                    return batch
                if not is_last:  # the next activity may start as soon as Temporal has the answer
                    self.consumers.add(call.subscription, consumer)
                if not deliveries:
                    return batch
                await answer(batch)
                await asyncio.shield(consumer.acknowledge(deliveries, close=is_last))
            except BaseException:
                consumer.abort()
                raise
        return activity.raise_complete_async()

    async def _send(
        self, route: Route, call: AsyncApiCall, payload: Any, headers: dict[str, Any]
    ) -> None:
        method = str(route.bindings.get("method", "POST")).upper()
        http_call = HttpCall(
            method=method,
            uri=route.uri,
            headers={name: str(value) for name, value in headers.items()},
            authentication=call.authentication,
            timeout_seconds=call.timeout_seconds,
        )
        if method in _METHODS_WITH_QUERY:
            http_call = replace(http_call, query=to_query(payload))
        elif payload is not None:
            content_type = {"content-type": route.media_type}
            http_call = replace(
                http_call,
                headers=content_type | http_call.headers,
                body=_encode(payload, route).decode(),
            )
        answer = await self._http.send(http_call)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            text = f"the server answered {answer.status}"
            raise failure("communication", text, answer.status)


async def _to_messages(deliveries: list[AmqpDelivery], route: Route) -> list[dict[str, Any]]:
    messages, pace = list[dict[str, Any]](), Pace()
    for delivery in deliveries:
        size = len(delivery.body)
        messages.append(await run_by_size(size, _to_message, delivery, route))
        await pace.spend(size + TABLE_BYTES_MAX)
    return messages


def _to_message(delivery: AmqpDelivery, route: Route) -> dict[str, Any]:
    properties = delivery.properties
    return http_polling.build_message(
        delivery.body.decode(errors="replace"),
        route,
        headers=amqp_bindings.headers_to_json(properties.headers),
        message_id=properties.correlation_id,
    )


def _encode(payload: Any, route: Route) -> bytes:
    if isinstance(payload, str) and route.media_type.startswith("text/"):
        return payload.encode()
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


async def _validate(part: str, value: Any, schema: dict[str, Any] | None) -> None:
    try:
        await asyncio.to_thread(json_schema.validate, value, schema)
    except FaultError as error:
        text = f"the message's {part} does not match the document: {error.problem.detail}"
        raise failure("validation", text) from None
    except ExhaustedError as error:
        raise failure("validation", error.detail) from None


@asynccontextmanager
async def _translate_errors(seconds: float) -> AsyncIterator[None]:
    """Raise errors as failures of the activity (DSL reference, "Standard Error Types")."""
    try:
        async with translate_errors(seconds):
            yield
    except BrokerError as error:
        raise failure(_error_kind(error), f"the broker refused: {error}") from None
    except FaultError as error:
        raise failure("expression", str(error.problem.detail)) from None
    except ValueError as error:
        raise failure("configuration", str(error)) from None


def _error_kind(error: BrokerError) -> str:
    if isinstance(error, BrokerAuthenticationError):
        return "authentication"
    return _ERROR_KINDS.get(str(error).partition(" ")[0], "communication")
