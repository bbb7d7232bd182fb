"""Authentication: identifies account, session and agent of a request before any route runs."""

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

STEP_UP_LIFETIME = timedelta(minutes=10)  # for which a proof of identity permits sensitive requests
AGENT_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Account, session and agent of a request, and when its token expires (seconds since 1970)."""

    account_id: UUID
    session_id: UUID
    agent_id: str
    expires_at: int
    proved_at: datetime
    pulled_stamp: int  # the agent has pulled all changes up to this stamp
    pending: bool = False  # the session still needs a second factor


@dataclass(frozen=True, slots=True)
class Protection:
    """Names of a protected blueprint's endpoints that have rules of their own."""

    pending: AbstractSet[str]
    autocommit: AbstractSet[str]
    ticket: AbstractSet[str]


_protections: dict[str, Protection] = {}  # by the blueprint's name


def configure(app: Flask) -> None:
    """Authenticate the requests to protected blueprints; call it before `rate_limits.configure`.

    Flask runs the hooks of an app in the order of their registration, and those of a blueprint
    after them: authenticate, count for the rate limits, then refuse unauthenticated requests.
    """
    app.before_request(_authenticate_request)


def protect(
    blueprint: Blueprint,
    *,
    pending: AbstractSet[str] = frozenset(),
    autocommit: AbstractSet[str] = frozenset(),
    ticket: AbstractSet[str] = frozenset(),
) -> None:
    """Require an authenticated agent on all routes of the blueprint.

    A session that still needs a second factor may call the endpoints `pending` alone. On the
    endpoints `autocommit` each statement is a transaction of its own, which saves the round trips
    of BEGIN and COMMIT. The endpoints `ticket` also accept a ticket in place of a token.
    """
    _protections[blueprint.name] = Protection(pending, autocommit, ticket)
    blueprint.before_request(_refuse_request)


def _authenticate_request() -> None:
    """Store the identity of the request, or its refusal, which follows after the rate limits."""
    protection = _protections.get(request.blueprint or "")
    # Browsers send CORS preflights without a token.
    if protection is None or request.method == "OPTIONS":
        return
    endpoint = _endpoint()
    if endpoint in protection.autocommit:
        db.session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    try:
        if endpoint in protection.ticket:
            stream_tickets.redeem()
        authorization = request.headers.get("Authorization")
        agent_id = request.headers.get("X-Agent-ID")
        g.identity = authenticate(authorization, agent_id, now=datetime.now(UTC))
    except EngineError as refusal:
        g.refusal = refusal
    else:
        structlog.contextvars.bind_contextvars(account=str(g.identity.account_id))


def _refuse_request() -> None:
    """Refuse a request that is not authenticated, or whose session needs a second factor.

    :raises EngineError: as `authenticate`, `stream_tickets.exchange` or `require_full_session`
        raise it.
    """
    if request.method == "OPTIONS":
        return
    if "refusal" in g:
        refusal: EngineError = g.refusal
        raise refusal
    if _endpoint() not in _protections[request.blueprint or ""].pending:
        require_full_session()


def _endpoint() -> str:
    """Return the endpoint of the request without its blueprint."""
    return (request.endpoint or "").rpartition(".")[2]


def identity() -> Identity:
    """Return the identity of this request; only within a protected blueprint."""
    current: Identity = g.identity
    return current


def agent_scope() -> AgentScope:
    """Return the scope of this request's use case; only within a protected blueprint."""
    current = identity()
    return AgentScope(db.session(), current.account_id, datetime.now(UTC), current.agent_id)


def authenticate(authorization: str | None, agent_id: str | None, *, now: datetime) -> Identity:
    """Return the identity for the two headers; commit the agent's registration.

    :raises UnauthenticatedError: when the token is missing or not valid, or its session is over.
    :raises MalformedError: when the agent's id is missing or is not visible ASCII.
    :raises ForbiddenError: when the session belongs to another agent, or the agent is revoked.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        detail = "An access token is required: Authorization: Bearer …"
        raise UnauthenticatedError("token_missing", detail)
    claims = access_tokens.verify(token.strip(), now=now)
    agent = parse_agent_id(agent_id)
    if agent is None:
        raise MalformedError("agent_id_missing", "The header X-Agent-ID is required.")
    if claims.agent_id not in {None, agent}:
        raise ForbiddenError("agent_mismatch", "The session belongs to another agent.")
    scope = AgentScope(db.session(), claims.account_id, now, agent)
    admission = sessions.admit(scope, claims.session_id)
    if admission.has_changes:  # otherwise the route continues in the same transaction
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


def require_full_session() -> None:
    """Return unless the session of this request still needs a second factor.

    :raises UnauthenticatedError: `mfa_required` (RFC 9470 section 3).
    """
    if identity().pending:
        raise UnauthenticatedError("mfa_required", "The session needs its second factor first.")


def require_step_up() -> None:
    """Return when the account's owner proved their identity within STEP_UP_LIFETIME.

    :raises UnauthenticatedError: `step_up_required` (RFC 9470 section 3).
    """
    if datetime.now(UTC) - identity().proved_at > STEP_UP_LIFETIME:
        detail = (
            "Prove your identity again: POST /api/auth/step-up, or /api/auth/mfa/verify with a "
            "second factor."
        )
        raise UnauthenticatedError("step_up_required", detail)


def parse_agent_id(header: str | None) -> str | None:
    """Return the agent's id from the header's value, None without the header.

    :raises MalformedError: when it is not 1 to 128 visible ASCII characters.
    """
    if header is None:
        return None
    if not AGENT_ID.fullmatch(header):
        detail = "X-Agent-ID must be 1 to 128 visible ASCII characters."
        raise MalformedError("agent_id_malformed", detail)
    return header
