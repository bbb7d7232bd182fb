"""`/api/auth/mfa`: enrolment, list and removal of second factors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response, jsonify

from engine.accounts.mfa import enrolled_factors, passkeys, recovery_codes, totp
from engine.accounts.mfa.enrolled_factors import EnrolledFactors, Enrolment
from engine.accounts.mfa.totp import TotpSecret
from web.extensions import db
from web.http import authentication, login_backoff, rate_limits, security_events
from web.http.account_services import services
from web.http.json_bodies import Blueprint
from web.schemas import mfa as schemas

blueprint = Blueprint("mfa", __name__, url_prefix="/api/auth/mfa", description="Second factors")
authentication.protect(blueprint, pending={"list_factors"})
rate_limits.limit(blueprint, "auth")


@blueprint.route("", methods=["GET"])
@blueprint.response(200, schemas.FactorsResponse)
def list_factors() -> EnrolledFactors:
    """List the account's second factors."""
    account_id = authentication.identity().account_id
    return enrolled_factors.list_factors(db.session(), account_id=account_id)


@blueprint.route("/totp", methods=["POST"])
@blueprint.arguments(schemas.FactorNameRequest, required=False)
@blueprint.response(201, schemas.TotpSecretResponse)
def enrol_totp(body: dict[str, str]) -> TotpSecret:
    """Generate a secret for an authenticator app; a code has to confirm it."""
    authentication.require_step_up()
    secret = totp.enrol(authentication.agent_scope(), services().mfa.ring, name=body["name"])
    db.session.commit()
    return secret


@blueprint.route("/totp/<uuid:factor_id>/confirm", methods=["POST"])
@blueprint.arguments(schemas.CodeRequest)
@blueprint.response(200, schemas.EnrolmentResponse)
def confirm_totp(body: dict[str, str], factor_id: UUID) -> Enrolment:
    """Confirm an authenticator app, which ends the other sessions."""
    authentication.require_step_up()
    with login_backoff.attempt("factor", str(factor_id)):
        enrolment = totp.confirm(
            authentication.agent_scope(),
            services().mfa.ring,
            factor_id,
            session_id=authentication.identity().session_id,
            code=body["code"],
        )
    security_events.commit("factor_added", now=datetime.now(UTC))
    return enrolment


@blueprint.route("/passkeys", methods=["POST"])
@blueprint.response(200, description="PublicKeyCredentialCreationOptionsJSON")
def create_passkey_options() -> Response:
    """Return the options from which a browser creates a passkey."""
    authentication.require_step_up()
    options = passkeys.create_registration_options(
        authentication.agent_scope(),
        services().mfa.relying_party,
        session_id=authentication.identity().session_id,
    )
    db.session.commit()
    return jsonify(options)


@blueprint.route("/passkeys/confirm", methods=["POST"])
@blueprint.arguments(schemas.CredentialRequest)
@blueprint.response(200, schemas.EnrolmentResponse)
def register_passkey(body: dict[str, Any]) -> Enrolment:
    """Register a passkey, which ends the other sessions."""
    authentication.require_step_up()
    enrolment = passkeys.register(
        authentication.agent_scope(),
        services().mfa.relying_party,
        session_id=authentication.identity().session_id,
        name=body["name"],
        credential=body["credential"],
    )
    security_events.commit("factor_added", now=datetime.now(UTC))
    return enrolment


@blueprint.route("/recovery-codes", methods=["POST"])
@blueprint.response(200, schemas.RecoveryCodesResponse)
def replace_recovery_codes() -> dict[str, list[str]]:
    """Generate new recovery codes; the old ones become invalid."""
    authentication.require_step_up()
    account_id = authentication.identity().account_id
    enrolled_factors.require_factor(db.session(), account_id=account_id)
    codes = recovery_codes.replace(db.session(), account_id=account_id)
    security_events.commit("recovery_codes_drawn", now=datetime.now(UTC))
    return {"recovery_codes": codes}


@blueprint.route("/<uuid:factor_id>", methods=["DELETE"])
@blueprint.response(204)
def remove(factor_id: UUID) -> None:
    """Remove a factor, which ends the other sessions."""
    authentication.require_step_up()
    session_id = authentication.identity().session_id
    enrolled_factors.remove(authentication.agent_scope(), factor_id, session_id=session_id)
    security_events.commit("factor_removed", now=datetime.now(UTC))
