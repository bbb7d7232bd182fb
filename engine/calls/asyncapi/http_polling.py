"""Messages that come as the answer to a request, and what a message looks like to a definition."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import orjson
from temporalio.exceptions import ApplicationError

from engine.calls.asyncapi.document import Route
from engine.calls.http import HttpCaller
from engine.calls.json_rpc import data_of_events
from engine.contracts.calls import AsyncApiCall, MessageBatch
from engine.contracts.executions import HttpCall
from engine.egress.guard import Answer, EgressError

SLICE_SECONDS = 5.0  # how long a stream is read before what it gave is looked at
_EVENTS = "text/event-stream"


async def ask(http: HttpCaller, route: Route, call: AsyncApiCall) -> MessageBatch:
    """Give the messages of one answer: the events of a stream, the items of an array, or the one it is.

    :raises EgressError: when there is no answer.
    """
    seen = bytearray()

    def enough(read: bytearray) -> bool:
        seen[:] = read
        return call.linger and len(data_of_events(bytes(read))) >= call.count_max

    asked = HttpCall(
        method=str(route.bindings.get("method", "GET")).upper(),
        uri=route.uri,
        headers={"accept": f"{_EVENTS}, application/json"},
        authentication=call.authentication,
        timeout_seconds=call.timeout_seconds
        if call.linger
        else min(call.timeout_seconds, SLICE_SECONDS),
    )
    try:
        answer = await http.send(asked, enough=enough)
    except EgressError as error:
        if error.code != "timeout":
            raise
        return MessageBatch([shown(text, route) for text in data_of_events(bytes(seen))])
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        text = f"the server answered {answer.status}"
        raise ApplicationError(text, answer.status, type="communication", non_retryable=True)
    return MessageBatch(_messages(answer, route), ended=True)


def _messages(answer: Answer, route: Route) -> list[dict[str, Any]]:
    if answer.headers.get("content-type", "").startswith(_EVENTS):
        return [shown(text, route) for text in data_of_events(answer.body)]
    if not answer.body:
        return []
    found = shown(answer.body.decode(errors="replace"), route)
    if not isinstance(found["payload"], list):
        return [found]
    return [_correlated({"payload": payload}, route) for payload in found["payload"]]


def shown(
    text: str,
    route: Route,
    *,
    headers: dict[str, Any] | None = None,
    correlation: str | None = None,
) -> dict[str, Any]:
    """Return a message as it is consumed (DSL reference, "AsyncAPI Inbound Message").

    :param correlation: the id that came beside the message, if the document does not say where in it.
    """
    try:
        payload = orjson.loads(text)
    except ValueError:
        payload = text
    message = {"payload": payload} | ({} if headers is None else {"headers": headers})
    return _correlated(message, route, correlation)


def media(route: Route) -> str:
    """Return the media type of an operation's messages."""
    said = next(
        (message["contentType"] for message in route.messages if "contentType" in message), None
    )
    return str(said or route.document.get("defaultContentType") or "application/json")


def correlation(message: dict[str, Any], route: Route) -> str | None:
    """Return the correlation id, found where the document says ("$message.payload#/a/b")."""
    sources = {
        "$message.payload": message.get("payload"),
        "$message.header": message.get("headers"),
    }
    for described in route.messages:
        place = (described.get("correlationId") or {}).get("location", "")
        source, _, pointer = place.partition("#")
        found = sources.get(source)
        for segment in pointer.split("/")[1:]:
            found = found.get(segment) if isinstance(found, dict) else None
        if found is not None:
            return found if isinstance(found, str) else json.dumps(found)
    return None


def _correlated(message: dict[str, Any], route: Route, beside: str | None = None) -> dict[str, Any]:
    found = correlation(message, route) or beside
    return message if found is None else {**message, "correlationId": found}
