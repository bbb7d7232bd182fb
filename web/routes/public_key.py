"""`/api/auth/key`: proof that the public key is its sender's own."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.accounts import public_key_proof
from engine.accounts.public_key_proof import Task
from engine.store.accounts import Account, RefreshSession
from web.extensions import db
from web.http import authentication, rate_limits, security_events
from web.http.json_bodies import Blueprint
from web.schemas import account as schemas

blueprint = Blueprint(
    "key_proof", __name__, url_prefix="/api/auth/key", description="Proof of the key"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "auth")


@blueprint.route("/challenge", methods=["POST"])
@blueprint.response(200, schemas.KeyTask)
def challenge() -> Task:
    """Return a text to sign, a JWE to open, or both, as the account's public key allows."""
    task = public_key_proof.pose(db.session(), _held(), now=datetime.now(UTC))
    db.session.commit()
    return task


@blueprint.route("/verify", methods=["POST"])
@blueprint.arguments(schemas.KeyProof)
@blueprint.response(200, schemas.Me)
def verify(body: dict[str, str]) -> Account:
    """Take the signature (Ed25519, or ECDSA P-256 with SHA-256 as r and s), or what the JWE held."""
    now = datetime.now(UTC)
    account = public_key_proof.check(db.session(), _held(), **body, now=now)
    security_events.commit("public_key_proved", now=now)
    return account


def _held() -> RefreshSession:
    return db.session().get_one(RefreshSession, authentication.identity().session_id)
