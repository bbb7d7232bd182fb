"""HTTP service for scenarios that stores messages and returns them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.message import Message
from urllib.parse import urlsplit

from bin.devtools.fakes import brokers, rabbitmq

Answer = tuple[int, dict[str, str], bytes]

PATH = "/messages/"
DOCUMENTS = {
    "/asyncapi.json": json.dumps(brokers.DOCUMENT_3).encode(),
    "/asyncapi2.yaml": brokers.DOCUMENT_2.encode(),
    "/queues.json": json.dumps(rabbitmq.DOCUMENT).encode(),
}
_JSON = {"content-type": "application/json"}
_stored: list[object] = []


def answer(method: str, path: str, headers: Message, body: bytes) -> Answer | None:
    """Return the answer (status, headers, body), or None for a path of another service."""
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
        content = json.dumps(_stored).encode()
        _stored.clear()
        return 200, _JSON, content
    message = {"body": body.decode(), "type": headers["Content-Type"], "trace": headers["Trace"]}
    _stored.append(message)
    return 202, _JSON, b""


def endless(path: str) -> Iterator[bytes] | None:
    """Return the events of an endless stream, or None for another path."""
    if urlsplit(path).path != f"{PATH}endless":
        return None
    return (b'data: {"n": %d}\n\n' % number for number in range(1, 6))
