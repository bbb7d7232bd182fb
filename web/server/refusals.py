"""Refusals that the server writes itself, before the request reaches Flask."""

from __future__ import annotations

import http
import json
from dataclasses import dataclass

from uuid_utils.compat import uuid7

from engine.observability import metrics
from web.http.request_log import HEADERS


@dataclass(frozen=True, slots=True)
class Refusal:
    """Problem document (RFC 9457) that ends its connection."""

    status: http.HTTPStatus
    code: str
    detail: str
    retry_seconds: int | None = None

    def make_answer(self) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body, and count the answer."""
        metrics.PROBLEMS.labels(self.status.value, self.code).inc()
        body = json.dumps(
            {
                "type": "about:blank",
                "title": self.status.phrase,
                "status": self.status.value,
                "detail": self.detail,
                "code": self.code,
                "requestId": str(uuid7()),
            }
        ).encode()
        headers = HEADERS | {
            "Content-Type": "application/problem+json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        if self.retry_seconds is not None:
            headers["Retry-After"] = str(self.retry_seconds)
        return headers, body

    def to_bytes(self, server_headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the whole answer with the server's own headers, and count it."""
        headers, body = self.make_answer()
        headers = {name.decode(): value.decode() for name, value in server_headers} | headers
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


MALFORMED = Refusal(http.HTTPStatus.BAD_REQUEST, "malformed_request", "This is not HTTP/1.1.")
HOST_AMBIGUOUS = Refusal(
    http.HTTPStatus.BAD_REQUEST,
    "host_ambiguous",
    "An HTTP/1.1 request has exactly one valid header Host (RFC 9112 section 3.2).",
)
UPGRADE_WITH_BODY = Refusal(
    http.HTTPStatus.BAD_REQUEST,
    "upgrade_with_body",
    "No protocol is upgraded to: send a request with a body without the header Upgrade.",
)
BODY_FRAGMENTED = Refusal(
    http.HTTPStatus.BAD_REQUEST, "body_fragmented", "The body comes in too many small parts."
)
HEAD_SLOW = Refusal(
    http.HTTPStatus.REQUEST_TIMEOUT, "head_slow", "The head of the request takes too long."
)
BODY_SLOW = Refusal(
    http.HTTPStatus.REQUEST_TIMEOUT, "body_slow", "The body of the request takes too long."
)
URL_TOO_LONG = Refusal(http.HTTPStatus.REQUEST_URI_TOO_LONG, "url_too_long", "The URL is too long.")
HEAD_TOO_LARGE = Refusal(
    http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "head_too_large",
    "The head of the request has too many headers, or too long ones.",
)
CONNECTIONS_TOO_MANY = Refusal(
    http.HTTPStatus.TOO_MANY_REQUESTS,
    "too_many_connections",
    "This address has too many connections, requests or bodies under way.",
    retry_seconds=10,
)
REQUESTS_TOO_MANY = Refusal(
    http.HTTPStatus.TOO_MANY_REQUESTS,
    "too_many_requests",
    "This client has too many requests that wait for those before them.",
    retry_seconds=5,
)
PROCESS_BUSY = Refusal(
    http.HTTPStatus.SERVICE_UNAVAILABLE,
    "process_busy",
    "The server has no room for this request right now.",
    retry_seconds=5,
)
