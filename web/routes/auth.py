"""`/api/auth`: registration, login and refresh, which need no access token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import request

from engine.accounts import accounts, audit_log, refresh_tokens, sessions
from engine.accounts.accounts import Registration
from engine.accounts.mfa import enrolled_factors
from engine.accounts.mfa.verification import FactorProof
from engine.errors import UnauthenticatedError
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account, RefreshSession
from web.extensions import db
from web.http import access_tokens, login_backoff, rate_limits, redis_notify
from web.http.account_services import services
from web.http.authentication import parse_agent_id
from web.http.json_bodies import Blueprint
from web.routes.mfa_verification import verify_factor
from web.schemas import auth as schemas

blueprint = Blueprint("auth", __name__, url_prefix="/api/auth", description="Authentication")
rate_limits.limit(blueprint, "auth")


@blueprint.route("/register", methods=["POST"])
@blueprint.arguments(schemas.RegisterRequest)
@blueprint.response(201, schemas.LoginResponse)
def register(body: dict[str, str]) -> dict[str, Any]:
    """Create an account and start its first session."""
    passwords = services().passwords
    passwords.check_capacity()
    account = accounts.register(
        db.session(),
        passwords,
        Registration(**body),
        now=datetime.now(UTC),
        open_to_public=services().settings.registration == "open",
    )
    return _complete_login(account, _start_session(account), "registered")


@blueprint.route("/login", methods=["POST"])
@blueprint.arguments(schemas.LoginRequest)
@blueprint.response(200, schemas.LoginResponse)
def login(body: dict[str, str]) -> dict[str, Any]:
    """Start a session."""
    passwords = services().passwords
    passwords.check_capacity()
    session, email = db.session(), accounts.normalize_email(body["email"])
    counted_attempt = login_backoff.attempt_password(
        email,
        session_id=_earlier_session(email),
        address=rate_limits.network_of(request.remote_addr),
        agent_id=_agent_id() or "",
    )
    with counted_attempt:
        account = accounts.verify_credentials(
            session, passwords, email=email, password=body["password"]
        )
    needs_factor = enrolled_factors.has_factor(session, account_id=account.id)
    login_session = _start_session(account, pending=needs_factor)
    if needs_factor and "mfa_code" in body:
        _verify_code(login_session, body["mfa_code"])
    kind = "session_pending" if login_session.pending else "session_started"
    return _complete_login(account, login_session, kind)


@blueprint.route("/refresh", methods=["POST"])
@blueprint.arguments(schemas.RefreshRequest)
@blueprint.response(200, schemas.TokenPair)
def exchange(body: dict[str, str]) -> dict[str, str]:
    """Exchange a refresh token for new tokens; needs no access token."""
    rotation = refresh_tokens.rotate(
        db.session(),
        services().refresh_tokens,
        body["refresh_token"],
        agent_id=_agent_id(),
        now=datetime.now(UTC),
    )
    # Issued before the commit, which would make the session be read again, and sent after it.
    tokens = None
    if rotation.session is not None:
        tokens = services().issue_tokens(rotation.session, rotation.counter)
    db.session.commit()
    if tokens is None:
        redis_notify.wake_relay()
        raise rotation.refusal or RuntimeError("a rotation without a session has a refusal")
    return tokens


def _start_session(account: Account, *, pending: bool = False) -> RefreshSession:
    scope = AccountScope(db.session(), account.id, datetime.now(UTC))
    return sessions.start(scope, agent_id=_agent_id(), pending=pending)


def _earlier_session(email: str) -> str | None:
    """Return the session of the email's account that the client shows an access token of, if any.

    The token may have expired. Any other token is ignored.
    """
    claims = access_tokens.find_claims(request.headers.get("Authorization"))
    if claims is None or not sessions.is_session_of(
        db.session(), email=email, session_id=claims.session_id
    ):
        return None
    return str(claims.session_id)


def _verify_code(login_session: RefreshSession, code: str) -> None:
    """Verify the second factor of a login; a wrong code revokes the session that was started."""
    try:
        verify_factor(login_session, FactorProof(code=code))
    except UnauthenticatedError:
        login_session.revoked_at = datetime.now(UTC)
        login_session.revoked_reason = "factor_wrong"
        db.session.commit()
        raise


def _complete_login(account: Account, login_session: RefreshSession, kind: str) -> dict[str, Any]:
    """Record the login, commit, wake the relay and return the answer."""
    audit_log.record(
        AccountScope(db.session(), account.id, datetime.now(UTC)),
        kind,
        session_id=login_session.id,
        agent_id=login_session.agent_id,
    )
    db.session.commit()
    redis_notify.wake_relay()
    return services().build_login_answer(account, login_session)


def _agent_id() -> str | None:
    return parse_agent_id(request.headers.get("X-Agent-ID"))
