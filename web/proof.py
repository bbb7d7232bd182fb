"""Proving who one is: the second factor of a login, and again before something dangerous (RFC 9470)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify

from engine import accounts, sessions
from engine.errors import ConflictError
from engine.factors import passkeys, proof, roster
from engine.factors.proof import Shown
from engine.store.models import Account, RefreshSession
from web import backoff, guard, limits, security, wake
from web.bodies import Blueprint
from web.desk import desk
from web.extensions import db
from web.schemas import auth as answers
from web.schemas import factors as schemas

blueprint = Blueprint("proof", __name__, url_prefix="/api/auth", description="Proving who one is")
guard.protect(blueprint, pending={"challenge", "verify"})
limits.limit(blueprint, "auth")


@blueprint.route("/mfa/challenge", methods=["POST"])
@blueprint.response(200, description="PublicKeyCredentialRequestOptionsJSON")
def challenge() -> Response:
    """Return what a browser shows a passkey for."""
    who = guard.identity()
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
    who = guard.identity()
    roster.need_some(db.session(), account_id=who.account_id)
    held = db.session().get_one(RefreshSession, who.session_id)
    show_factor(held, Shown(**body))
    security.commit("session_started" if who.pending else "stepped_up", now=datetime.now(UTC))
    return desk().entered(db.session().get_one(Account, who.account_id), held)


@blueprint.route("/step-up", methods=["POST"])
@blueprint.arguments(schemas.StepUpRequest)
@blueprint.response(200, answers.Entered)
def step_up(body: dict[str, str]) -> dict[str, Any]:
    """Show the password once more; an account with a second factor shows that instead."""
    who, now = guard.identity(), datetime.now(UTC)
    if roster.enabled(db.session(), account_id=who.account_id):
        raise ConflictError("factor_needed", "This account proves itself at /api/auth/mfa/verify.")
    account = db.session().get_one(Account, who.account_id)
    with backoff.tried("password", account.email, who.agent_id):
        accounts.confirm(db.session(), desk().passwords, account_id=account.id, password=body["password"])
    held = sessions.prove(db.session(), session_id=who.session_id, now=now)
    security.commit("stepped_up", now=now)
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
    with backoff.tried("factor", str(account_id), agent_id if agent_id and trusted else ""):
        refusal = proof.prove(session, desk().factors, held, shown, now=datetime.now(UTC))
        if refusal is not None:
            db.session.commit()
            wake.relay()
            raise refusal
