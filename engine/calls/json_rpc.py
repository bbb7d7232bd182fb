"""JSON-RPC 2.0 over HTTP, answered as JSON or as a stream of events (MCP and A2A speak it)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import orjson

from engine.calls.http import HttpCaller
from engine.contracts.calls import HttpCall
from engine.egress.guard import Answer

REFUSAL_CHARACTERS_MAX = 1_000
ID = 1  # each request is the only one of its HTTP exchange
Message = dict[str, Any]

_ENDS = (b"\n\n", b"\r\r", b"\r\n\r\n")  # of an event


class RefusedError(Exception):
    """A server that answers, and not with a result."""


async def exchange(
    http: HttpCaller, call: HttpCall, body: Message, *, done: Callable[[Message], bool]
) -> tuple[list[Any], dict[str, str]]:
    """Send one request; return the results that came, and the answer's headers.

    :param done: tells the message with which a stream has given all there is.
    :raises RefusedError: when the server refuses, or answers what is no result.
    :raises EgressError: when there is no answer.
    """
    headers = {**call.headers, "accept": "application/json, text/event-stream"}
    answer = await http.send(
        replace(call, method="POST", headers=headers, body={"jsonrpc": "2.0", "id": ID, **body}),
        enough=_watch(done),
    )
    return [_result(message) for message in _messages(answer)], answer.headers


async def notify(http: HttpCaller, call: HttpCall, method: str) -> None:
    """Send a notification.

    :raises RefusedError: when the server does not take it.
    :raises EgressError: when there is no answer.
    """
    answer = await http.send(
        replace(call, method="POST", body={"jsonrpc": "2.0", "method": method})
    )
    _check(answer)


def answers(message: Message) -> bool:
    """Tell whether a message is the answer to the request, and no notification or question beside it."""
    known = message.get("id") == ID and message.get("id") is not True
    return known and ("result" in message or message.get("error") is not None)


def _watch(done: Callable[[Message], bool]) -> Callable[[bytearray], bool]:
    """Return what looks at each event of a stream once, as it comes, and tells when no more is needed."""
    seen = 0

    def enough(read: bytearray) -> bool:
        nonlocal seen
        if not read.endswith(_ENDS):
            return False
        fresh, seen = bytes(read[seen:]), len(read)
        try:
            return any(isinstance(message, dict) and done(message) for message in _events(fresh))
        except ValueError:
            return True

    return enough


def _messages(answer: Answer) -> list[Message]:
    streamed = (
        answer.headers.get("content-type", "").partition(";")[0].strip() == "text/event-stream"
    )
    try:
        found = _events(answer.body) if streamed else [orjson.loads(answer.body)]
    except ValueError:
        _check(answer)
        raise RefusedError("the server's answer is no JSON-RPC") from None
    messages = [message for message in found if isinstance(message, dict) and answers(message)]
    if not any(message.get("error") is not None for message in messages):
        _check(answer)
    if not messages:
        raise RefusedError("the server's answer has no result")
    return messages


def _check(answer: Answer) -> None:
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise RefusedError(f"the server answered {answer.status}")


def _result(message: Message) -> Any:
    error = message.get("error")
    if error is None:
        return message["result"]
    code, text = (
        (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
    )
    raise RefusedError(f"the server refused: {text} ({code})"[:REFUSAL_CHARACTERS_MAX])


def _events(body: bytes) -> list[Any]:
    return [orjson.loads(text) for text in data_of_events(body)]


def data_of_events(body: bytes) -> list[str]:
    """Return what the events of a stream hold (WHATWG HTML section 9.2), but for one that is not over."""
    text = (
        body.decode(errors="replace")
        .removeprefix("\ufeff")
        .replace("\r\n", "\n")
        .replace("\r", "\n")
    )
    found = []
    for event in text.split("\n\n")[:-1]:
        lines = [
            line.partition(":")[2].removeprefix(" ") for line in event.split("\n") if _is_data(line)
        ]
        if lines:
            found.append("\n".join(lines))
    return found


def _is_data(line: str) -> bool:
    return line == "data" or line.startswith("data:")
