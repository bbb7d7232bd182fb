"""Messages in answers to HTTP requests, and the form of messages in definitions."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import orjson

from engine.calls.asyncapi.document import Route
from engine.calls.errors import failure
from engine.calls.http import HttpCaller
from engine.calls.json_rpc import event_data
from engine.contracts.calls import AsyncApiCall, ConsumedMessages, HttpCall
from engine.egress.guard import Answer, EgressError

SLICE_SECONDS = 5.0  # of reading a stream, before its messages are returned
_EVENTS = "text/event-stream"


async def poll(http: HttpCaller, route: Route, call: AsyncApiCall) -> ConsumedMessages:
    """Return the messages of one answer: events of a stream, items of an array, or its body.

    :raises EgressError: when there is no answer.
    """
    partial_body = bytearray()

    def stop_reading(body: bytearray) -> bool:
        partial_body[:] = body
        return call.linger and len(event_data(bytes(body))) >= call.count_max

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
        return ConsumedMessages(
            [build_message(text, route) for text in event_data(bytes(partial_body))]
        )
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        text = f"the server answered {answer.status}"
        raise failure("communication", text, answer.status)
    return ConsumedMessages(_messages(answer, route), ended=True)


def _messages(answer: Answer, route: Route) -> list[dict[str, Any]]:
    if answer.headers.get("content-type", "").startswith(_EVENTS):
        return [build_message(text, route) for text in event_data(answer.body)]
    if not answer.body:
        return []
    message = build_message(answer.body.decode(errors="replace"), route)
    if not isinstance(message["payload"], list):
        return [message]
    return [_with_correlation_id({"payload": payload}, route) for payload in message["payload"]]


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
        payload = orjson.loads(text)
    except ValueError:
        payload = text
    message = {"payload": payload} | ({} if headers is None else {"headers": headers})
    return _with_correlation_id(message, route, message_id)


def media_type(route: Route) -> str:
    """Return the media type of an operation's messages."""
    content_type = next(
        (message["contentType"] for message in route.messages if "contentType" in message), None
    )
    return str(content_type or route.document.get("defaultContentType") or "application/json")


def correlation_id(message: dict[str, Any], route: Route) -> str | None:
    """Return the correlation id from the document's location ("$message.payload#/a/b")."""
    sources = {
        "$message.payload": message.get("payload"),
        "$message.header": message.get("headers"),
    }
    for description in route.messages:
        location = (description.get("correlationId") or {}).get("location", "")
        source, _, pointer = location.partition("#")
        value = sources.get(source)
        for segment in pointer.split("/")[1:]:
            value = value.get(segment) if isinstance(value, dict) else None
        if value is not None:
            return value if isinstance(value, str) else json.dumps(value)
    return None


def _with_correlation_id(
    message: dict[str, Any], route: Route, message_id: str | None = None
) -> dict[str, Any]:
    identifier = correlation_id(message, route) or message_id
    return message if identifier is None else {**message, "correlationId": identifier}
