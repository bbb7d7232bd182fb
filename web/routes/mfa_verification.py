"""Proving who one is: the second factor of a login, and again before something dangerous (RFC 9470)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify

from engine.accounts import accounts, sessions
from engine.accounts.mfa import enrolled_factors, passkeys, verification
from engine.accounts.mfa.verification import Shown
from engine.errors import ConflictError
from engine.store.accounts import Account, RefreshSession
from web.extensions import db
from web.http import authentication, login_backoff, rate_limits, redis_notify, security_events
from web.http.account_services import desk
from web.http.json_bodies import Blueprint
from web.schemas import auth as answers
from web.schemas import mfa as schemas

blueprint = Blueprint("proof", __name__, url_prefix="/api/auth", description="Proving who one is")
authentication.protect(blueprint, pending={"challenge", "verify"})
rate_limits.limit(blueprint, "auth")


@blueprint.route("/mfa/challenge", methods=["POST"])
@blueprint.response(200, description="PublicKeyCredentialRequestOptionsJSON")
def challenge() -> Response:
    """Return what a browser shows a passkey for."""
    who = authentication.identity()
    options = passkeys.challenge(
        db.session(),
        desk().factors.party,
        account_id=who.account_id,
        session_id=who.session_id,
        now=datetime.now(UTC),
    )
    db.session.commit()
    return jsonify(options)


@blueprint.route("/mfa/verify", methods=["POST"])
@blueprint.arguments(schemas.ProofRequest)
@blueprint.response(200, answers.Entered)
def verify(body: dict[str, Any]) -> dict[str, Any]:
    """Show a second factor: a session that owed it is full from now on, any other is fresh again."""
    who = authentication.identity()
    enrolled_factors.need_some(db.session(), account_id=who.account_id)
    held = db.session().get_one(RefreshSession, who.session_id)
    show_factor(held, Shown(**body))
    security_events.commit(
        "session_started" if who.pending else "stepped_up", now=datetime.now(UTC)
    )
    return desk().entered(db.session().get_one(Account, who.account_id), held)


@blueprint.route("/step-up", methods=["POST"])
@blueprint.arguments(schemas.StepUpRequest)
@blueprint.response(200, answers.Entered)
def step_up(body: dict[str, str]) -> dict[str, Any]:
    """Show the password once more; an account with a second factor shows that instead."""
    who, now = authentication.identity(), datetime.now(UTC)
    if enrolled_factors.enabled(db.session(), account_id=who.account_id):
        raise ConflictError("factor_needed", "This account proves itself at /api/auth/mfa/verify.")
    account = db.session().get_one(Account, who.account_id)
    with login_backoff.tried("password", account.email, who.agent_id):
        accounts.confirm(
            db.session(), desk().passwords, account_id=account.id, password=body["password"]
        )
    held = sessions.prove(db.session(), session_id=who.session_id, now=now)
    security_events.commit("stepped_up", now=now)
    return desk().entered(account, held)


def show_factor(held: RefreshSession, shown: Shown) -> None:
    """Judge a factor that is shown in a session; a wrong one is counted, for the session and the account.

    :raises UnauthenticatedError: `mfa_code_invalid`, or `session_ended` when it was one too many.
    :raises LimitedError: when the account has had too many wrong ones.
    """
    session, account_id, agent_id = db.session(), held.account_id, held.agent_id
    # Who has only the password must not be able to keep the owner's own agents out.
    trusted = agent_id is not None and sessions.settled_before(
        session, account_id=account_id, agent_id=agent_id
    )
    with login_backoff.tried("factor", str(account_id), agent_id if agent_id and trusted else ""):
        refusal = verification.prove(session, desk().factors, held, shown, now=datetime.now(UTC))
        if refusal is not None:
            db.session.commit()
            redis_notify.relay()
            raise refusal
