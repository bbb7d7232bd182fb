"""JSON-RPC 2.0 over HTTP, as MCP and A2A use it: the answer is JSON or a stream of events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import orjson

from engine.calls.http import HttpCaller
from engine.contracts.calls import HttpCall
from engine.egress.guard import Answer

ERROR_CHARACTERS_MAX = 1_000
ID = 1  # each HTTP exchange has one request
Message = dict[str, Any]

_EVENT_ENDS = (b"\n\n", b"\r\r", b"\r\n\r\n")


class JsonRpcError(Exception):
    """Answer of a server that is not a result."""


async def exchange(
    http: HttpCaller, call: HttpCall, body: Message, *, is_last: Callable[[Message], bool]
) -> tuple[list[Any], dict[str, str]]:
    """Send one request; return the results and the answer's headers.

    :param is_last: tells whether a message is the last one of a stream.
    :raises JsonRpcError: when the server answers an error, or no result.
    :raises EgressError: when there is no answer.
    """
    headers = {**call.headers, "accept": "application/json, text/event-stream"}
    answer = await http.send(
        replace(call, method="POST", headers=headers, body={"jsonrpc": "2.0", "id": ID, **body}),
        stop_reading=_stop_after(is_last),
    )
    return [_result(message) for message in _messages(answer)], answer.headers


async def notify(http: HttpCaller, call: HttpCall, method: str) -> None:
    """Send a notification.

    :raises JsonRpcError: when the server refuses it.
    :raises EgressError: when there is no answer.
    """
    answer = await http.send(
        replace(call, method="POST", body={"jsonrpc": "2.0", "method": method})
    )
    _check(answer)


def is_answer(message: Message) -> bool:
    """Return whether a message answers the request; a stream has notifications and requests too."""
    has_id = message.get("id") == ID and message.get("id") is not True
    return has_id and ("result" in message or message.get("error") is not None)


def _stop_after(is_last: Callable[[Message], bool]) -> Callable[[bytearray], bool]:
    """Return a function that reads each event of a stream once and ends it at the last message."""
    position = 0

    def stop_reading(body: bytearray) -> bool:
        nonlocal position
        if not body.endswith(_EVENT_ENDS):
            return False
        part, position = bytes(body[position:]), len(body)
        try:
            return any(isinstance(message, dict) and is_last(message) for message in _events(part))
        except ValueError:
            return True

    return stop_reading


def _messages(answer: Answer) -> list[Message]:
    is_stream = (
        answer.headers.get("content-type", "").partition(";")[0].strip() == "text/event-stream"
    )
    try:
        values = _events(answer.body) if is_stream else [orjson.loads(answer.body)]
    except ValueError:
        _check(answer)
        raise JsonRpcError("the server's answer is no JSON-RPC") from None
    messages = [message for message in values if isinstance(message, dict) and is_answer(message)]
    if not any(message.get("error") is not None for message in messages):
        _check(answer)
    if not messages:
        raise JsonRpcError("the server's answer has no result")
    return messages


def _check(answer: Answer) -> None:
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise JsonRpcError(f"the server answered {answer.status}")


def _result(message: Message) -> Any:
    error = message.get("error")
    if error is None:
        return message["result"]
    code, text = (
        (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
    )
    raise JsonRpcError(f"the server refused: {text} ({code})"[:ERROR_CHARACTERS_MAX])


def _events(body: bytes) -> list[Any]:
    return [orjson.loads(text) for text in event_data(body)]


def event_data(body: bytes) -> list[str]:
    """Return the data of a stream's complete events (WHATWG HTML section 9.2)."""
    text = (
        body.decode(errors="replace")
        .removeprefix("\ufeff")
        .replace("\r\n", "\n")
        .replace("\r", "\n")
    )
    texts = []
    for event in text.split("\n\n")[:-1]:
        lines = [
            line.partition(":")[2].removeprefix(" ") for line in event.split("\n") if _is_data(line)
        ]
        if lines:
            texts.append("\n".join(lines))
    return texts


def _is_data(line: str) -> bool:
    return line == "data" or line.startswith("data:")
