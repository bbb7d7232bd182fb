"""Messages in answers to HTTP requests, and the form of messages in definitions."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from engine.calls.asyncapi.document import Route
from engine.calls.errors import failure
from engine.calls.event_stream import EventStreamParser
from engine.calls.http import HttpCaller
from engine.calls.openapi.references import find
from engine.calls.peer_json import read_json
from engine.contracts.calls import AsyncApiCall, ConsumedMessages, HttpCall
from engine.egress.guard import Answer, EgressError
from engine.egress.pace import ITEM_WEIGHT, Pace, run_by_size

SLICE_SECONDS = 5.0  # of reading a stream, before its messages are returned
MESSAGES_MAX = 10_000  # as many as a subscription may consume
_EVENTS = "text/event-stream"


async def poll(http: HttpCaller, route: Route, call: AsyncApiCall) -> ConsumedMessages:
    """Return the messages of one answer: events of a stream, items of an array, or its body.

    :raises EgressError: when there is no answer.
    """
    parser, texts = EventStreamParser(), list[str]()

    async def stop_reading(part: bytes) -> bool:
        texts.extend(parser.feed(part))
        return len(texts) > MESSAGES_MAX or (call.linger and len(texts) >= call.count_max)

    request = HttpCall(
        method=str(route.bindings.get("method", "GET")).upper(),
        uri=route.uri,
        headers={"accept": f"{_EVENTS}, application/json"},
        authentication=call.authentication,
        timeout_seconds=call.timeout_seconds
        if call.linger
        else min(call.timeout_seconds, SLICE_SECONDS),
    )
    try:
        answer = await http.send(request, stop_reading=stop_reading)
    except EgressError as error:
        if error.code != "timeout":
            raise
        return ConsumedMessages(await build_messages(texts, route))
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        text = f"the server answered {answer.status}"
        raise failure("communication", text, answer.status)
    if answer.headers.get("content-type", "").startswith(_EVENTS):
        return ConsumedMessages(await build_messages(texts, route), ended=True)
    return ConsumedMessages(await _read_body(answer, route), ended=True)


async def build_messages(texts: list[str], route: Route) -> list[dict[str, Any]]:
    """Return messages in the form of definitions.

    :raises EgressError: when they are more than MESSAGES_MAX.
    """
    _check_count(texts)
    messages, pace = list[dict[str, Any]](), Pace()
    for text in texts:
        messages.append(await run_by_size(len(text), build_message, text, route))
        await pace.spend(len(text) + ITEM_WEIGHT * (1 + len(route.correlations)))
    return messages


async def _read_body(answer: Answer, route: Route) -> list[dict[str, Any]]:
    """Return the items of an array, or the whole body as one message."""
    if not answer.body:
        return []
    text = answer.body.decode(errors="replace")
    message = await run_by_size(len(text), build_message, text, route)
    if not isinstance(message["payload"], list):
        return [message]
    _check_count(message["payload"])
    messages, pace = list[dict[str, Any]](), Pace()
    for payload in message["payload"]:
        messages.append(_with_correlation_id({"payload": payload}, route))
        await pace.spend(ITEM_WEIGHT * (1 + len(route.correlations)))
    return messages


def _check_count(messages: list[Any]) -> None:
    """Check the number of messages in one answer.

    :raises EgressError: when they are more than MESSAGES_MAX.
    """
    if len(messages) > MESSAGES_MAX:
        raise EgressError(f"the answer has more than {MESSAGES_MAX} messages")


def build_message(
    text: str,
    route: Route,
    *,
    headers: dict[str, Any] | None = None,
    message_id: str | None = None,
) -> dict[str, Any]:
    """Return a message in the form of definitions (DSL reference, "AsyncAPI Inbound Message").

    :param message_id: the correlation id of the protocol, where the document names no place.
    """
    try:
        payload = read_json(text.encode())
    except ValueError:
        payload = text
    message = {"payload": payload} | ({} if headers is None else {"headers": headers})
    return _with_correlation_id(message, route, message_id)


def correlation_id(message: dict[str, Any], route: Route) -> str | None:
    """Return the correlation id from the document's location ("$message.payload#/a/b")."""
    for part, segments in route.correlations:
        value = find(message.get(part), segments)
        if value is not None:
            return value if isinstance(value, str) else json.dumps(value)
    return None


def _with_correlation_id(
    message: dict[str, Any], route: Route, message_id: str | None = None
) -> dict[str, Any]:
    identifier = correlation_id(message, route) or message_id
    return message if identifier is None else {**message, "correlationId": identifier}
