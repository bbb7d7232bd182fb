"""`/api/auth/mfa/verify` and `/api/auth/step-up`: second factor of a login, step-up (RFC 9470)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify

from engine.accounts import accounts, sessions
from engine.accounts.mfa import enrolled_factors, passkeys, verification
from engine.accounts.mfa.verification import FactorProof
from engine.errors import ConflictError
from engine.store.accounts import Account, RefreshSession
from web.extensions import db
from web.http import authentication, login_backoff, rate_limits, redis_notify, security_events
from web.http.account_services import services
from web.http.json_bodies import Blueprint
from web.schemas import mfa as schemas
from web.schemas.auth import LoginResponse

blueprint = Blueprint(
    "mfa_verification", __name__, url_prefix="/api/auth", description="Step-up authentication"
)
authentication.protect(blueprint, pending={"create_challenge", "verify"})
rate_limits.limit(blueprint, "auth")


@blueprint.route("/mfa/challenge", methods=["POST"])
@blueprint.response(200, description="PublicKeyCredentialRequestOptionsJSON")
def create_challenge() -> Response:
    """Return the options for which a browser signs with a passkey."""
    options = passkeys.create_authentication_options(
        authentication.agent_scope(),
        services().mfa.relying_party,
        session_id=authentication.identity().session_id,
    )
    db.session.commit()
    return jsonify(options)


@blueprint.route("/mfa/verify", methods=["POST"])
@blueprint.arguments(schemas.FactorProofRequest)
@blueprint.response(200, LoginResponse)
def verify(body: dict[str, Any]) -> dict[str, Any]:
    """Verify a second factor, which completes a login, or a step-up of a full session."""
    identity, session = authentication.identity(), db.session()
    enrolled_factors.require_factor(session, account_id=identity.account_id)
    login_session = session.get_one(RefreshSession, identity.session_id)
    verify_factor(login_session, FactorProof(**body))
    kind = "session_started" if identity.pending else "stepped_up"
    security_events.commit(kind, now=datetime.now(UTC))
    account = session.get_one(Account, identity.account_id)
    return services().build_login_answer(account, login_session)


@blueprint.route("/step-up", methods=["POST"])
@blueprint.arguments(schemas.StepUpRequest)
@blueprint.response(200, LoginResponse)
def step_up(body: dict[str, str]) -> dict[str, Any]:
    """Verify the password again; an account with a second factor verifies that instead."""
    identity, session, now = authentication.identity(), db.session(), datetime.now(UTC)
    if enrolled_factors.has_factor(session, account_id=identity.account_id):
        detail = "This account verifies its second factor: POST /api/auth/mfa/verify."
        raise ConflictError("factor_needed", detail)
    account = session.get_one(Account, identity.account_id)
    with login_backoff.attempt("password", account.email, "session", str(identity.session_id)):
        accounts.verify_password(account, services().passwords, body["password"])
    login_session = sessions.record_proof(session, session_id=identity.session_id, now=now)
    security_events.commit("stepped_up", now=now)
    return services().build_login_answer(account, login_session)


def verify_factor(login_session: RefreshSession, proof: FactorProof) -> None:
    """Verify a second factor in a session; session and account count a wrong one.

    :raises UnauthenticatedError: `mfa_code_invalid`, or `session_ended` after too many.
    :raises LimitedError: when the account had too many wrong factors.
    """
    session, account_id = db.session(), login_session.account_id
    # Whoever has the password alone must not be able to lock out the owner's own agents.
    agent_id = login_session.agent_id
    if agent_id is None or not sessions.has_verified_factor(
        session, account_id=account_id, agent_id=agent_id
    ):
        agent_id = ""
    with login_backoff.attempt("factor", str(account_id), agent_id):
        refusal = verification.verify(
            session, services().mfa, login_session, proof, now=datetime.now(UTC)
        )
        if refusal is not None:
            db.session.commit()
            redis_notify.wake_relay()
            raise refusal
