"""A service that takes messages by HTTP and tells them again, for scenarios."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.message import Message
from urllib.parse import urlsplit

from bin.devtools.fakes import brokers, rabbitmq

Answer = tuple[int, dict[str, str], bytes]

PATH = "/messages/"
DOCUMENTS = {
    "/asyncapi.json": json.dumps(brokers.THIRD).encode(),
    "/asyncapi2.yaml": brokers.SECOND.encode(),
    "/queues.json": json.dumps(rabbitmq.DOCUMENT).encode(),
}
_JSON = {"content-type": "application/json"}
_kept: list[object] = []


def answer(method: str, path: str, headers: Message, body: bytes) -> Answer | None:
    """Return what the service answers: status, headers, body; or None when it is not asked."""
    at = urlsplit(path).path
    if at in DOCUMENTS:
        return 200, _JSON, DOCUMENTS[at]
    if at.startswith("/missing/"):
        return 404, _JSON, b"{}"
    return _messages(method, at, headers, body) if at.startswith(PATH) else None


def _messages(method: str, at: str, headers: Message, body: bytes) -> Answer:
    if at == f"{PATH}guarded" and headers.get("Authorization") != "Bearer t0ken":
        return 401, _JSON, b"{}"
    if at != f"{PATH}inbox":
        ticks = b"".join(b'data: {"n": %d, "room": "a"}\n\n' % number for number in range(1, 4))
        return 200, {"content-type": "text/event-stream"}, ticks
    if method == "GET":
        told = json.dumps(_kept).encode()
        _kept.clear()
        return 200, _JSON, told
    sent = {"body": body.decode(), "type": headers["Content-Type"], "trace": headers["Trace"]}
    _kept.append(sent)
    return 202, _JSON, b""


def endless(path: str) -> Iterator[bytes] | None:
    """Return the events of a stream that does not end by itself, or None when it is not asked for."""
    if urlsplit(path).path != f"{PATH}endless":
        return None
    return (b'data: {"n": %d}\n\n' % number for number in range(1, 6))
