"""`/api/auth/key`: proof that the owner has the private half of the account's public key."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.accounts import public_key_proof
from engine.accounts.public_key_proof import KeyChallenge
from engine.store.accounts import Account, RefreshSession
from web.extensions import db
from web.http import authentication, rate_limits, security_events
from web.http.json_bodies import Blueprint
from web.schemas import account as schemas

blueprint = Blueprint(
    "public_key", __name__, url_prefix="/api/auth/key", description="Proof of the public key"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "auth")


@blueprint.route("/challenge", methods=["POST"])
@blueprint.response(200, schemas.KeyChallengeResponse)
def create_challenge() -> KeyChallenge:
    """Return a text to sign, a JWE to decrypt, or both, as the account's public key permits."""
    login_session = _get_session()
    now = datetime.now(UTC)
    challenge = public_key_proof.create_challenge(db.session(), login_session, now=now)
    db.session.commit()
    return challenge


@blueprint.route("/verify", methods=["POST"])
@blueprint.arguments(schemas.KeyProofRequest)
@blueprint.response(200, schemas.AccountResponse)
def verify(body: dict[str, str]) -> Account:
    """Verify the JWE's plaintext or a signature.

    Ed25519, or ECDSA P-256 with SHA-256 as r and s.
    """
    now = datetime.now(UTC)
    account = public_key_proof.verify(db.session(), _get_session(), **body, now=now)
    security_events.commit("public_key_proved", now=now)
    return account


def _get_session() -> RefreshSession:
    return db.session().get_one(RefreshSession, authentication.identity().session_id)
