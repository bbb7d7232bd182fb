"""`/api/auth`: register, log in, refresh: what needs no access token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import request

from engine.accounts import accounts, audit_log, refresh_tokens, sessions
from engine.accounts.mfa import enrolled_factors
from engine.accounts.mfa.verification import Shown
from engine.errors import UnauthenticatedError
from engine.store.accounts import Account, RefreshSession
from web.extensions import db
from web.http import login_backoff, rate_limits, redis_notify
from web.http.account_services import desk
from web.http.authentication import named_agent
from web.http.json_bodies import Blueprint
from web.routes.mfa_verification import show_factor
from web.schemas import auth as schemas

blueprint = Blueprint(
    "auth", __name__, url_prefix="/api/auth", description="Entering and staying in"
)
rate_limits.limit(blueprint, "auth")


@blueprint.route("/register", methods=["POST"])
@blueprint.arguments(schemas.RegisterRequest)
@blueprint.response(201, schemas.Entered)
def register(body: dict[str, str]) -> dict[str, Any]:
    """Make an account and start its first session."""
    desk().passwords.need_room()
    now = datetime.now(UTC)
    account = accounts.register(
        db.session(), desk().passwords, **body, now=now, registration=desk().settings.registration
    )
    return _enter(account, _start(account), "registered")


@blueprint.route("/login", methods=["POST"])
@blueprint.arguments(schemas.LoginRequest)
@blueprint.response(200, schemas.Entered)
def login(body: dict[str, str]) -> dict[str, Any]:
    """Start a session."""
    desk().passwords.need_room()
    session, email, agent_id = db.session(), body["email"], _agent_id()
    known = accounts.trusts(session, email=email, agent_id=agent_id)
    with login_backoff.tried(
        "password", accounts.normal(email), agent_id if agent_id and known else ""
    ):
        account = accounts.recognise(
            session, desk().passwords, email=email, password=body["password"]
        )
    owes = enrolled_factors.enabled(session, account_id=account.id)
    started = _start(account, pending=owes)
    if owes and "mfa_code" in body:
        _show_at_once(started, body["mfa_code"])
    return _enter(account, started, "session_pending" if started.pending else "session_started")


@blueprint.route("/refresh", methods=["POST"])
@blueprint.arguments(schemas.RefreshRequest)
@blueprint.response(200, schemas.Tokens)
def exchange(body: dict[str, str]) -> dict[str, str]:
    """Exchange a refresh token for new tokens; needs no access token."""
    rotation = refresh_tokens.rotate(
        db.session(),
        desk().refresh_tokens,
        body["refresh_token"],
        agent_id=_agent_id(),
        now=datetime.now(UTC),
    )
    # Made before the commit, which would have the session read again for it; nobody gets them before.
    pair = desk().pair(rotation.session, rotation.counter) if rotation.session else None
    db.session.commit()
    if pair is None:
        redis_notify.relay()
        raise rotation.refusal or RuntimeError("a rotation without a session has a refusal")
    return pair


def _start(account: Account, *, pending: bool = False) -> RefreshSession:
    return sessions.start(
        db.session(),
        account_id=account.id,
        agent_id=_agent_id(),
        now=datetime.now(UTC),
        pending=pending,
    )


def _show_at_once(started: RefreshSession, code: str) -> None:
    """Settle a session that has just been started; with a wrong code nobody gets to know of it."""
    try:
        show_factor(started, Shown(code=code))
    except UnauthenticatedError:
        started.revoked_at, started.revoked_reason = datetime.now(UTC), "factor_wrong"
        db.session.commit()
        raise


def _enter(account: Account, started: RefreshSession, kind: str) -> dict[str, Any]:
    actor = audit_log.Actor(account.id, started.id, started.agent_id)
    audit_log.record(db.session(), actor, kind, now=datetime.now(UTC))
    db.session.commit()
    redis_notify.relay()
    return desk().entered(account, started)


def _agent_id() -> str | None:
    return named_agent(request.headers.get("X-Agent-ID"))
