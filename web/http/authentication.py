"""Who is asking: the account by its token, the agent by its header, checked before any route."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from flask import Flask, g, request
from flask_smorest import Blueprint

from engine.accounts import sessions
from engine.errors import EngineError, ForbiddenError, UnauthenticatedError
from engine.store.account_scope import AgentScope
from web.extensions import db
from web.http import access_tokens, stream_tickets
from web.http.problems import MalformedError

FRESH = timedelta(minutes=10)  # how long a proof of who one is opens what is dangerous
AGENT_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Identity:
    """The account, session and agent of a request, and when its token expires (seconds since 1970)."""

    account_id: UUID
    session_id: UUID
    agent_id: str
    expires_at: int
    proved_at: datetime
    pulled_stamp: int  # the agent has pulled past this one
    pending: bool = False  # a second factor is still owed


@dataclass(frozen=True, slots=True)
class Protection:
    """What a protected blueprint lets through, as names of its endpoints."""

    pending: AbstractSet[str]
    reading: AbstractSet[str]
    ticketed: AbstractSet[str]


_protections: dict[str, Protection] = {}  # by the blueprint's name


def configure(app: Flask) -> None:
    """Authenticate the requests to protected blueprints; before `limits.configure`.

    Flask runs the hooks of an app in the order of their registration, and those of a blueprint after them:
    authenticate, count in the rate limits, then refuse who is not authenticated.
    """
    app.before_request(_authenticate_request)


def protect(
    blueprint: Blueprint,
    *,
    pending: AbstractSet[str] = frozenset(),
    reading: AbstractSet[str] = frozenset(),
    ticketed: AbstractSet[str] = frozenset(),
) -> None:
    """Let only authenticated agents through to the blueprint's routes.

    Those that owe a second factor come through to the endpoints `pending` alone. On the endpoints
    `reading` each statement is a transaction of its own, without a begin and an end to wait for.
    The endpoints `ticketed` also accept a ticket in place of a token.
    """
    _protections[blueprint.name] = Protection(pending, reading, ticketed)
    blueprint.before_request(_refuse_request)


def _authenticate_request() -> None:
    """Note who is asking, or why the request will be refused, once the rate limits have counted it."""
    protection = _protections.get(request.blueprint or "")
    if (
        protection is None or request.method == "OPTIONS"
    ):  # browsers ask what is possible without a token
        return
    endpoint = _endpoint()
    if endpoint in protection.reading:
        db.session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    try:
        if endpoint in protection.ticketed:
            stream_tickets.exchange()
        authorization, agent_id = (
            request.headers.get("Authorization"),
            request.headers.get("X-Agent-ID"),
        )
        g.identity = authenticate(authorization, agent_id, now=datetime.now(UTC))
    except EngineError as refusal:
        g.refusal = refusal
    else:
        structlog.contextvars.bind_contextvars(account=str(g.identity.account_id))


def _refuse_request() -> None:
    """Refuse a request that is not authenticated, or whose session owes a second factor.

    :raises EngineError: as `authenticate` and `tickets.exchange` raised it, or as `need_settled` does.
    """
    if request.method == "OPTIONS":
        return
    if "refusal" in g:
        refusal: EngineError = g.refusal
        raise refusal
    if _endpoint() not in _protections[request.blueprint or ""].pending:
        need_settled()


def _endpoint() -> str:
    """Return the endpoint of the request without its blueprint."""
    return (request.endpoint or "").rpartition(".")[2]


def identity() -> Identity:
    """Return who is asking; only within a protected blueprint."""
    found: Identity = g.identity
    return found


def agent_scope() -> AgentScope:
    """Return the scope of this request's use case; only within a protected blueprint."""
    who = identity()
    return AgentScope(db.session(), who.account_id, datetime.now(UTC), who.agent_id)


def authenticate(authorization: str | None, agent_id: str | None, *, now: datetime) -> Identity:
    """Return who sent these two headers; commits the agent's first sight.

    :raises UnauthenticatedError: when the token is missing, not valid, or its session over.
    :raises MalformedError: when the agent's id is missing or no visible ASCII.
    :raises ForbiddenError: when the session belongs to another agent, or the agent is revoked.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError(
            "token_missing", "An access token is needed: Authorization: Bearer …"
        )
    claims = access_tokens.read(token.strip(), now=now)
    agent = named_agent(agent_id)
    if agent is None:
        raise MalformedError("agent_id_missing", "The header X-Agent-ID is needed.")
    if claims.agent_id not in {None, agent}:
        raise ForbiddenError("agent_mismatch", "The session belongs to another agent.")
    admission = sessions.admit(
        db.session(),
        session_id=claims.session_id,
        account_id=claims.account_id,
        agent_id=agent,
        now=now,
    )
    if admission.wrote:  # otherwise the route goes on in the same transaction
        db.session.commit()
    return Identity(
        claims.account_id,
        claims.session_id,
        agent,
        claims.expires_at,
        admission.proved_at,
        admission.pulled_stamp,
        pending=claims.pending or admission.pending,
    )


def need_settled() -> None:
    """Let the request through unless its session still owes a second factor.

    :raises UnauthenticatedError: `mfa_required` (RFC 9470 section 3).
    """
    if identity().pending:
        raise UnauthenticatedError("mfa_required", "The session needs its second factor first.")


def need_fresh() -> None:
    """Let the request through when its sender has proved who they are within FRESH.

    :raises UnauthenticatedError: `step_up_required` (RFC 9470 section 3).
    """
    if datetime.now(UTC) - identity().proved_at > FRESH:
        detail = "Prove who you are again: POST /api/auth/step-up, or /api/auth/mfa/verify with a factor."
        raise UnauthenticatedError("step_up_required", detail)


def named_agent(agent_id: str | None) -> str | None:
    """Return the agent id of a header, if it is there.

    :raises MalformedError: when it is not 1 to 128 visible ASCII characters.
    """
    if agent_id is None:
        return None
    if not AGENT_ID.fullmatch(agent_id):
        raise MalformedError(
            "agent_id_malformed", "X-Agent-ID must be 1 to 128 visible ASCII characters."
        )
    return agent_id
