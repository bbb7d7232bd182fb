"""Tickets: what opens one stream where no header can be set, in a browser's EventSource.

The server keeps the two headers that asked for the ticket, sealed with the ticket itself, under its hash:
who reads or writes Redis can neither open a stream nor learn a token. A token never stands in a URL.
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
from joserfc.jwk import OctKey
from redis import Redis
from redis.exceptions import RedisError

from engine.errors import UnauthenticatedError, UnavailableError
from web.http.problems import MalformedError
from web.http.redis_notify import RedisPublisher

LASTS = timedelta(seconds=30)
BYTES = 32
HEADER = {"alg": "dir", "enc": "A256GCM"}
ALGORITHMS = list(HEADER.values())
HEADERS = ("HTTP_AUTHORIZATION", "HTTP_X_AGENT_ID")


def issue(now: datetime) -> dict[str, Any]:
    """Return a new ticket for who is asking, and when it expires.

    :raises UnavailableError: when Redis does not answer.
    """
    ticket = secrets.token_urlsafe(BYTES)
    sent = json.dumps({name: request.environ[name] for name in HEADERS})
    sealed = jwe.encrypt_compact(HEADER, sent, _key(ticket), algorithms=ALGORITHMS)
    try:
        _redis().set(_name(ticket), sealed, ex=LASTS)
    except RedisError as fault:
        raise _unavailable(fault) from None
    return {"ticket": ticket, "expires_at": now + LASTS}


def exchange() -> None:
    """Give a request with a ticket the headers that the ticket stands for, once.

    :raises MalformedError: `ticket_and_token`, when it has a token too; the ticket stays good.
    :raises UnauthenticatedError: `ticket_spent`, when it was used before, has expired, or never was.
    :raises UnavailableError: when Redis does not answer.
    """
    ticket = request.args.get("ticket")
    if ticket is None or request.method != "GET":
        return
    if "Authorization" in request.headers:
        raise MalformedError(
            "ticket_and_token", "A ticket stands in place of Authorization, not beside it."
        )
    try:
        sealed = _redis().getdel(_name(ticket))
    except RedisError as fault:
        raise _unavailable(fault) from None
    if sealed is None:
        raise UnauthenticatedError(
            "ticket_spent", "The ticket is spent: each opens one stream, within 30 s."
        )
    opened = jwe.decrypt_compact(sealed, _key(ticket), algorithms=ALGORITHMS)
    request.environ.update(json.loads(opened.plaintext or b"") | _named_agent())


def _named_agent() -> dict[str, str]:
    """Return the agent's header if the request has one: the guard then finds whether it is the right one."""
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


def _unavailable(fault: RedisError) -> UnavailableError:
    structlog.get_logger().warning("no_tickets", error=type(fault).__name__)
    return UnavailableError("tickets_unavailable", "Tickets cannot be had just now.")
