"""`/api/auth/mfa`: an account's second factors: seen, added and taken away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response, jsonify

from engine.accounts.mfa import enrolled_factors, passkeys, recovery_codes, totp
from engine.accounts.mfa.enrolled_factors import Roster
from engine.accounts.mfa.totp import Enrolment
from engine.store.accounts import Factor
from web.extensions import db
from web.http import authentication, login_backoff, rate_limits, security_events
from web.http.account_services import desk
from web.http.json_bodies import Blueprint
from web.schemas import mfa as schemas

blueprint = Blueprint("factors", __name__, url_prefix="/api/auth/mfa", description="Second factors")
authentication.protect(blueprint, pending={"browse"})
rate_limits.limit(blueprint, "auth")


@blueprint.route("", methods=["GET"])
@blueprint.response(200, schemas.Roster)
def browse() -> Roster:
    """List the account's second factors."""
    return enrolled_factors.browse(db.session(), account_id=authentication.identity().account_id)


@blueprint.route("/totp", methods=["POST"])
@blueprint.arguments(schemas.NameRequest, required=False)
@blueprint.response(201, schemas.Enrolment)
def enrol(body: dict[str, str]) -> Enrolment:
    """Draw a secret for an authenticator app; it counts once confirmed with a code."""
    authentication.need_fresh()
    enrolment = totp.enrol(
        db.session(),
        desk().factors.ring,
        account_id=authentication.identity().account_id,
        name=body["name"],
        now=datetime.now(UTC),
    )
    db.session.commit()
    return enrolment


@blueprint.route("/totp/<uuid:factor_id>/confirm", methods=["POST"])
@blueprint.arguments(schemas.CodeRequest)
@blueprint.response(200, schemas.Confirmed)
def confirm(body: dict[str, str], factor_id: UUID) -> dict[str, Any]:
    """Make an authenticator app count, which ends the other sessions."""
    authentication.need_fresh()
    who, now = authentication.identity(), datetime.now(UTC)
    with login_backoff.tried("factor", str(factor_id)):
        added = totp.confirm(
            db.session(),
            desk().factors.ring,
            account_id=who.account_id,
            factor_id=factor_id,
            session_id=who.session_id,
            code=body["code"],
            now=now,
        )
    return _added(added, now)


@blueprint.route("/passkeys", methods=["POST"])
@blueprint.response(200, description="PublicKeyCredentialCreationOptionsJSON")
def offer() -> Response:
    """Return what a browser makes a passkey from."""
    authentication.need_fresh()
    who = authentication.identity()
    options = passkeys.offer(
        db.session(),
        desk().factors.party,
        account_id=who.account_id,
        session_id=who.session_id,
        now=datetime.now(UTC),
    )
    db.session.commit()
    return jsonify(options)


@blueprint.route("/passkeys/confirm", methods=["POST"])
@blueprint.arguments(schemas.CredentialRequest)
@blueprint.response(200, schemas.Confirmed)
def register(body: dict[str, Any]) -> dict[str, Any]:
    """Make a passkey count, which ends the other sessions."""
    authentication.need_fresh()
    who, now = authentication.identity(), datetime.now(UTC)
    added = passkeys.register(
        db.session(),
        desk().factors.party,
        account_id=who.account_id,
        session_id=who.session_id,
        name=body["name"],
        credential=body["credential"],
        now=now,
    )
    return _added(added, now)


@blueprint.route("/recovery-codes", methods=["POST"])
@blueprint.response(200, schemas.RecoveryCodes)
def redraw() -> dict[str, list[str]]:
    """Draw new recovery codes; the old ones are good no more."""
    authentication.need_fresh()
    who, now = authentication.identity(), datetime.now(UTC)
    enrolled_factors.need_some(db.session(), account_id=who.account_id)
    codes = recovery_codes.draw(db.session(), account_id=who.account_id)
    security_events.commit("recovery_codes_drawn", now=now)
    return {"recovery_codes": codes}


@blueprint.route("/<uuid:factor_id>", methods=["DELETE"])
@blueprint.response(204)
def remove(factor_id: UUID) -> None:
    """Take a factor away, which ends the other sessions."""
    authentication.need_fresh()
    who, now = authentication.identity(), datetime.now(UTC)
    enrolled_factors.remove(
        db.session(),
        account_id=who.account_id,
        factor_id=factor_id,
        session_id=who.session_id,
        now=now,
    )
    security_events.commit("factor_removed", now=now)


def _added(added: tuple[Factor, list[str]], now: datetime) -> dict[str, Any]:
    security_events.commit("factor_added", now=now)
    return {"factor": added[0], "recovery_codes": added[1]}
