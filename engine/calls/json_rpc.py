"""JSON-RPC 2.0 over HTTP, as MCP and A2A use it: the answer is JSON or a stream of events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from engine.calls.event_stream import EventStreamParser
from engine.calls.http import HttpCaller
from engine.calls.peer_json import read_json
from engine.contracts.calls import HttpCall
from engine.egress.guard import Answer
from engine.egress.pace import run_by_size

ERROR_CHARACTERS_MAX = 1_000
ID = 1  # each HTTP exchange has one request
Message = dict[str, Any]


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
    stream = _MessageStream(is_last)
    answer = await http.send(
        replace(call, method="POST", headers=headers, body={"jsonrpc": "2.0", "id": ID, **body}),
        stop_reading=stream.read,
    )
    return [_result(message) for message in await _answers(answer, stream)], answer.headers


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


class _MessageStream:
    """Messages of a stream of events that answer the request, collected while it is read."""

    def __init__(self, is_last: Callable[[Message], bool]) -> None:
        self._is_last = is_last
        self._parser = EventStreamParser()
        self.answers: list[Message] = []
        self.is_json = True

    async def read(self, part: bytes) -> bool:
        """Read the next part; return whether it has the last message, or one that is no JSON."""
        for text in self._parser.feed(part):
            try:
                message = await run_by_size(len(text), read_json, text.encode())
            except ValueError:
                self.is_json = False
                return True
            if not isinstance(message, dict):
                continue
            if is_answer(message):
                self.answers.append(message)
            if self._is_last(message):
                return True
        return False


async def _answers(answer: Answer, stream: _MessageStream) -> list[Message]:
    media = answer.headers.get("content-type", "").partition(";")[0].strip()
    if media == "text/event-stream":
        messages, is_json = stream.answers, stream.is_json
    else:
        messages, is_json = await _read_body(answer)
    if not is_json:
        _check(answer)
        raise JsonRpcError("the server's answer is no JSON-RPC")
    if not any(message.get("error") is not None for message in messages):
        _check(answer)
    if not messages:
        raise JsonRpcError("the server's answer has no result")
    return messages


async def _read_body(answer: Answer) -> tuple[list[Message], bool]:
    """Return the message in a body, if it answers the request, and whether the body is JSON."""
    try:
        message = await run_by_size(len(answer.body), read_json, answer.body)
    except ValueError:
        return [], False
    return [message] if isinstance(message, dict) and is_answer(message) else [], True


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
