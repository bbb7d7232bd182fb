"""Stream tickets: each opens one stream in a browser, whose EventSource can set no headers.

Redis stores the headers of the ticket's request as a JWE, under the ticket's hash. Its key is made
from the ticket, so a reader or writer of Redis can neither open a stream nor learn a token. A URL
never contains a token.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import current_app, request
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from redis import Redis
from redis.exceptions import RedisError

from engine.errors import UnauthenticatedError, UnavailableError
from web.http.problems import MalformedError
from web.http.redis_notify import RedisPublisher

LIFETIME = timedelta(seconds=30)
BYTES = 32
HEADER = {"alg": "dir", "enc": "A256GCM"}
ALGORITHMS = list(HEADER.values())
HEADERS = ("HTTP_AUTHORIZATION", "HTTP_X_AGENT_ID")


def issue(now: datetime) -> dict[str, Any]:
    """Return a new ticket for the request's identity, and its expiry.

    :raises UnavailableError: when Redis does not answer.
    """
    ticket = secrets.token_urlsafe(BYTES)
    headers = json.dumps({name: request.environ[name] for name in HEADERS})
    ciphertext = jwe.encrypt_compact(HEADER, headers, _key(ticket), algorithms=ALGORITHMS)
    try:
        _redis().set(_name(ticket), ciphertext, ex=LIFETIME)
    except RedisError as error:
        raise _unavailable(error) from None
    return {"ticket": ticket, "expires_at": now + LIFETIME}


def redeem() -> None:
    """Give a request the headers of its ticket, and delete the ticket.

    :raises MalformedError: `ticket_and_token`, when it has a token too; the ticket stays valid.
    :raises UnauthenticatedError: `ticket_spent`, when the ticket is used, expired or unknown.
    :raises UnavailableError: when Redis does not answer.
    """
    ticket = request.args.get("ticket")
    if ticket is None or request.method != "GET":
        return
    if "Authorization" in request.headers:
        raise MalformedError(
            "ticket_and_token", "Send a ticket or the header Authorization, not both."
        )
    try:
        ciphertext = _redis().getdel(_name(ticket))
    except RedisError as error:
        raise _unavailable(error) from None
    request.environ.update(_decrypt(ciphertext, ticket) | _agent_header())


def _decrypt(ciphertext: bytes | str | None, ticket: str) -> dict[str, str]:
    """Return the headers that Redis has for the ticket.

    :raises UnauthenticatedError: `ticket_spent`, when there are none, or a writer of Redis made
        them without the ticket.
    """
    try:
        token = jwe.decrypt_compact(ciphertext or b"", _key(ticket), algorithms=ALGORITHMS)
    except (JoseError, ValueError):
        raise UnauthenticatedError(
            "ticket_spent", "The ticket is used or expired: each opens one stream within 30 s."
        ) from None
    headers: dict[str, str] = json.loads(token.plaintext or b"")
    return headers


def _agent_header() -> dict[str, str]:
    """Return the request's own agent header, if any; `authentication` compares it."""
    return {name: request.environ[name] for name in HEADERS[1:] if name in request.environ}


def _name(ticket: str) -> str:
    return f"ticket:{hashlib.sha256(ticket.encode()).hexdigest()}"


def _key(ticket: str) -> OctKey:
    return OctKey.import_key(
        hashlib.blake2b(ticket.encode(), digest_size=32, person=b"ticket").digest()
    )


def _redis() -> Redis:
    publisher: RedisPublisher = current_app.extensions["redis_publisher"]
    return publisher.redis


def _unavailable(error: RedisError) -> UnavailableError:
    structlog.get_logger().warning("tickets_unavailable", error=type(error).__name__)
    return UnavailableError("tickets_unavailable", "Tickets are not available right now.")
