"""Messages to and from the services that AsyncAPI documents describe, through the egress guard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.activities.openapi import DESCRIPTION_BYTES_MAX, described
from engine.calls.asyncapi import amqp_bindings, brokers, http_polling
from engine.calls.asyncapi.amqp import AmqpDelivery
from engine.calls.asyncapi.amqp_queues import MessageProperties, QueueConsumer
from engine.calls.asyncapi.document import Route, find_route
from engine.calls.asyncapi.errors import BrokerAuthenticationError, BrokerError
from engine.calls.asyncapi.open_subscriptions import BrokerSubscription, OpenSubscriptions
from engine.calls.http import HttpCaller
from engine.calls.oauth import CredentialsError
from engine.contracts.calls import CONSUME_MESSAGES, PUBLISH_MESSAGE, AsyncApiCall, ConsumedMessages
from engine.contracts.executions import HttpCall
from engine.egress.guard import EgressError
from engine.errors import EngineError
from engine.interpreter.constructs.call_http import to_query
from engine.interpreter.constructs.subscribe_asyncapi import WAIT_SECONDS_MAX
from engine.language import json_schema
from engine.language.errors import ExhaustedError, FaultError
from engine.temporal.async_completion import answer

# What Redis says of who asks and of what they may, and what AMQP does (403 and 530, section 1.4).
_REFUSALS = {
    **dict.fromkeys(("NOAUTH", "WRONGPASS"), "authentication"),
    **dict.fromkeys(("NOPERM", "403", "530"), "authorization"),
}
_QUERYING = ("GET", "HEAD")


class MessageActivities:
    """Holds what sends HTTP requests, and the subscriptions that are open here."""

    def __init__(self, http: HttpCaller) -> None:
        self._http = http
        self.subscriptions = OpenSubscriptions[BrokerSubscription]()
        self.consumers = OpenSubscriptions[QueueConsumer]()

    @activity.defn(name=PUBLISH_MESSAGE)
    async def publish(self, call: AsyncApiCall) -> None:
        """Validate one message by the document and publish it.

        :raises ApplicationError: of the kind of what failed; never retried here.
        """
        async with _understood(call.timeout_seconds):
            route = await self._route(call)
            message = call.message or {}
            payload, headers = message.get("payload"), message.get("headers")
            await _validate("payload", payload, route)
            await _validate("headers", headers or {}, route)
            if route.protocol == "http":
                await self._posted(route, call, payload, headers or {})
                return
            if headers and route.protocol != "amqp":
                raise ValueError(f"{route.protocol} messages have no headers")
            told = MessageProperties(
                headers or {},
                http_polling.media_type(route),
                http_polling.correlation_id(message, route),
            )
            policy, encoded = call.authentication or {}, _encoded(payload, route)
            await brokers.publish(self._http.egress, route, policy, encoded, told)

    @activity.defn(name=CONSUME_MESSAGES)
    async def consume(self, call: AsyncApiCall) -> ConsumedMessages:
        """Wait for messages, and give those that came in time.

        :raises ApplicationError: of the kind of what failed.
        """
        subscription = self.subscriptions.pop(call.subscription)
        kept = False
        try:
            async with _understood(call.timeout_seconds + call.document.timeout_seconds):
                route = await self._route(call)
                if route.protocol == "http":
                    return await http_polling.poll(self._http, route, call)
                if route.protocol == "amqp":
                    return await self._consumed(route, call)
                policy = call.authentication or {}
                if subscription is None:
                    subscription = BrokerSubscription(
                        brokers.iterate_messages(self._http.egress, route, policy)
                    )
                found = await subscription.receive(
                    call.count_max, linger=call.linger, seconds=call.timeout_seconds
                )
                kept = not call.linger or len(found) < call.count_max
                return ConsumedMessages(
                    [
                        http_polling.build_message(message.decode(errors="replace"), route)
                        for message in found
                    ]
                )
        finally:
            if subscription is not None:
                if kept:
                    self.subscriptions.add(call.subscription, subscription)
                else:
                    await subscription.close()

    async def _route(self, call: AsyncApiCall) -> Route:
        answer = await self._http.send(call.document, bytes_max=DESCRIPTION_BYTES_MAX)
        try:
            return find_route(await asyncio.to_thread(described, answer), call)
        except EngineError as error:
            said = error.faults[0].detail if error.faults else error.detail
            raise ValueError(f"the service's description cannot be read: {said}") from None
        except (TypeError, AttributeError, KeyError, RecursionError):
            raise ValueError("the service's description is broken") from None

    async def _consumed(self, route: Route, call: AsyncApiCall) -> ConsumedMessages:
        """Take messages of a queue, and acknowledge them once they stand in the workflow's history.

        They stand there when the server has this activity's answer; so it is given from within.
        """
        consumer = self.consumers.pop(call.subscription)
        if consumer is None:
            consumer = QueueConsumer(self._http.egress, route, call.authentication or {})
        wanted = call.count_max if call.every else 1
        async with consumer.lock:
            try:
                taken = await consumer.receive(
                    wanted, linger=call.linger, seconds=call.timeout_seconds
                )
                found = ConsumedMessages([_shown(delivery, route) for delivery in taken])
                over = call.linger and len(taken) == wanted
                if not taken and call.timeout_seconds < WAIT_SECONDS_MAX:
                    await consumer.close()  # its time has passed: nobody will ask again
                    return found
                if not over:  # whoever asks next may ask as soon as the answer is there
                    self.consumers.add(call.subscription, consumer)
                if not taken:
                    return found
                await answer(found)
                await asyncio.shield(consumer.acknowledge(taken, close=over))
            except BaseException:
                consumer.abort()
                raise
        return activity.raise_complete_async()

    async def _posted(
        self, route: Route, call: AsyncApiCall, payload: Any, headers: dict[str, Any]
    ) -> None:
        method = str(route.bindings.get("method", "POST")).upper()
        asked = HttpCall(
            method=method,
            uri=route.uri,
            headers={name: str(value) for name, value in headers.items()},
            authentication=call.authentication,
            timeout_seconds=call.timeout_seconds,
        )
        if method in _QUERYING:
            asked = replace(asked, query=to_query(payload))
        elif payload is not None:
            kind = {"content-type": http_polling.media_type(route)}
            asked = replace(
                asked, headers=kind | asked.headers, body=_encoded(payload, route).decode()
            )
        answer = await self._http.send(asked)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            text = f"the server answered {answer.status}"
            raise ApplicationError(text, answer.status, type="communication", non_retryable=True)


def _shown(delivery: AmqpDelivery, route: Route) -> dict[str, Any]:
    told = delivery.properties
    return http_polling.build_message(
        delivery.body.decode(errors="replace"),
        route,
        headers=amqp_bindings.headers_to_json(told.headers),
        message_id=told.correlation_id,
    )


def _encoded(payload: Any, route: Route) -> bytes:
    if isinstance(payload, str) and http_polling.media_type(route).startswith("text/"):
        return payload.encode()
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


async def _validate(part: str, value: Any, route: Route) -> None:
    try:
        await asyncio.to_thread(json_schema.validate, value, route.schema(part))
    except FaultError as error:
        text = f"the message's {part} is not what the document says: {error.problem.detail}"
        raise ApplicationError(text, type="validation", non_retryable=True) from None
    except ExhaustedError as error:
        raise ApplicationError(error.detail, type="validation", non_retryable=True) from None


@asynccontextmanager
async def _understood(seconds: float) -> AsyncIterator[None]:
    """Say in the specification's kinds of error why a call failed (DSL reference, "Standard Error Types")."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except BrokerError as error:
        raise _failure(_refusal(error), f"the broker refused: {error}") from None
    except TimeoutError:
        raise _failure("timeout", "the call took too long") from None
    except EgressError as error:
        raise _failure(
            "timeout" if error.code == "timeout" else "communication", str(error)
        ) from None
    except CredentialsError as error:
        raise _failure("authentication", str(error)) from None
    except FaultError as error:
        raise _failure("expression", str(error.problem.detail)) from None
    except ValueError as error:
        raise _failure("configuration", str(error)) from None


def _refusal(error: BrokerError) -> str:
    if isinstance(error, BrokerAuthenticationError):
        return "authentication"
    return _REFUSALS.get(str(error).partition(" ")[0], "communication")


def _failure(kind: str, text: str) -> ApplicationError:
    return ApplicationError(text, type=kind, non_retryable=True)
