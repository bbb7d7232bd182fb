"""`/api/secrets`: what an account's workflows may use by name; values go in and never come out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import current_app

from engine.config.settings import Settings
from engine.crypto import jwe
from engine.crypto.jwe import is_compact_jwe, parse_keys
from engine.errors import NotFoundError, TooLargeError
from engine.store.accounts import Secret
from engine.workflows import secrets
from web.extensions import db
from web.http import authentication, etags, rate_limits, security_events
from web.http.json_bodies import Blueprint
from web.schemas import secrets as schemas

blueprint = Blueprint("secrets", __name__, url_prefix="/api/secrets", description="Secrets")
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")

# Only a secret that is there already can be overwritten unseen.
REPLACING = etags.IF_MATCH | {"required": False, "description": "Needed where the name is taken"}
# The same for all that names one: what no secret can be called is not found, or cannot be made.
NAMED = {
    "in": "path",
    "name": "name",
    "required": True,
    "schema": {"type": "string", "pattern": f"^{secrets.NAME.pattern}$", "maxLength": 128},
}


@blueprint.route("", methods=["GET"])
@blueprint.response(200, schemas.Secrets)
def browse() -> dict[str, Sequence[Secret]]:
    """List the account's secrets: names and times."""
    return {
        "secrets": secrets.browse(db.session(), account_id=authentication.identity().account_id)
    }


@blueprint.route("/<segment:name>", parameters=[NAMED], methods=["GET"])
@blueprint.response(200, schemas.SecretShown, headers=etags.RESPONSE_HEADERS)
def read(name: str) -> tuple[Secret, int, dict[str, str]]:
    """Return one secret's name and times."""
    found = secrets.find(db.session(), account_id=authentication.identity().account_id, name=name)
    return found, 200, _tagged(found)


@blueprint.route("/<segment:name>", parameters=[NAMED], methods=["PUT"])
@blueprint.arguments(schemas.SecretChange)
@blueprint.response(200, schemas.SecretShown, headers=etags.RESPONSE_HEADERS)
@blueprint.alt_response(201, schema=schemas.SecretShown, success=True)
@blueprint.doc(parameters=[REPLACING])
def put(body: dict[str, Any], name: str) -> tuple[Secret, int, dict[str, str]]:
    """Store a secret; one that is there is replaced by who has seen it."""
    session, account_id, now = db.session(), authentication.identity().account_id, datetime.now(UTC)
    sealed = _sealed(body["value"])
    try:
        found, status = secrets.find(session, account_id=account_id, name=name, lock=True), 200
    except NotFoundError:
        if etags.has_precondition():  # what its sender has seen is no more
            raise
        found = secrets.keep(session, account_id=account_id, name=name, sealed=sealed, now=now)
        status = 201
    else:
        etags.check(*_version(found))
        secrets.replace(found, sealed=sealed, now=now)
    security_events.commit("secret_changed", now=now)
    return found, status, _tagged(found)


@blueprint.route("/<segment:name>", parameters=[NAMED], methods=["DELETE"])
@blueprint.response(204)
def delete(name: str) -> None:
    """Forget a secret: workflows that list it cannot be executed any more."""
    session, now = db.session(), datetime.now(UTC)
    session.delete(
        secrets.find(session, account_id=authentication.identity().account_id, name=name, lock=True)
    )
    security_events.commit("secret_deleted", now=now)


def _sealed(value: Any) -> str:
    """Seal a plain value; one that was sent sealed stays as it is.

    :raises TooLargeError: when it is larger than a secret may be.
    """
    if is_compact_jwe(value):
        return str(value)
    plaintext = orjson.dumps(value)
    if len(plaintext) > secrets.VALUE_BYTES_MAX:
        raise TooLargeError(
            "secret_too_large", f"A secret may have {secrets.VALUE_BYTES_MAX} bytes."
        )
    if not secrets.few(value):
        detail = f"Secrets may hold {secrets.TEXTS_MAX} texts, nested {secrets.DEPTH_MAX} deep."
        raise TooLargeError("secret_too_large", detail)
    settings: Settings = current_app.extensions["settings"]
    return jwe.seal(parse_keys(settings.need("engine_public_keys"))[0], plaintext)


def _version(secret: Secret) -> tuple[str, str]:
    return str(secret.id), secret.updated_at.isoformat()


def _tagged(secret: Secret) -> dict[str, str]:
    return etags.make_header(*_version(secret))
