"""`/api/secrets`: values that an account's workflows use by name; no answer ever contains one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from engine.crypto.jwe import is_compact_jwe
from engine.errors import NotFoundError, TooLargeError
from engine.store.accounts import Secret
from engine.workflows import secrets
from web.http import authentication, etags, rate_limits, security_events
from web.http.json_bodies import Blueprint
from web.routes import sealing
from web.schemas import secrets as schemas

blueprint = Blueprint("secrets", __name__, url_prefix="/api/secrets", description="Secrets")
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")

# Only an existing secret can be overwritten by a client that has not read it.
REPLACING = etags.IF_MATCH | {"required": False, "description": "Needed where the name is taken"}
# One pattern for all routes with a name: what no secret can be called is not found, or is refused.
NAME_PARAMETER = {
    "in": "path",
    "name": "name",
    "required": True,
    "schema": {"type": "string", "pattern": f"^{secrets.NAME.pattern}$", "maxLength": 128},
}


@blueprint.route("", methods=["GET"])
@blueprint.response(200, schemas.SecretsSchema)
def browse() -> dict[str, Sequence[Secret]]:
    """List the account's secrets: names and times."""
    return {"secrets": secrets.browse(authentication.agent_scope())}


@blueprint.route("/<segment:name>", parameters=[NAME_PARAMETER], methods=["GET"])
@blueprint.response(200, schemas.SecretShown, headers=etags.RESPONSE_HEADERS)
def read(name: str) -> tuple[Secret, int, dict[str, str]]:
    """Return one secret's name and times."""
    secret = secrets.find(authentication.agent_scope(), name)
    return secret, 200, etags.make_header(*_etag_members(secret))


@blueprint.route("/<segment:name>", parameters=[NAME_PARAMETER], methods=["PUT"])
@blueprint.arguments(schemas.SecretChange)
@blueprint.response(200, schemas.SecretShown, headers=etags.RESPONSE_HEADERS)
@blueprint.alt_response(201, schema=schemas.SecretShown, success=True)
@blueprint.doc(parameters=[REPLACING])
def put(body: dict[str, Any], name: str) -> tuple[Secret, int, dict[str, str]]:
    """Store a secret; replacing an existing one needs its ETag in If-Match. Needs a step-up."""
    authentication.require_step_up()
    scope, value_jwe = authentication.agent_scope(), _seal(body["value"])
    try:
        secret, status = secrets.find(scope, name, lock=True), 200
    except NotFoundError:
        if etags.has_precondition():  # the secret that the client has read is gone
            raise
        secret, status = secrets.create(scope, name, value_jwe), 201
    else:
        etags.check(*_etag_members(secret))
        secrets.replace(secret, value_jwe, now=scope.now)
    security_events.commit("secret_changed", now=scope.now)
    return secret, status, etags.make_header(*_etag_members(secret))


@blueprint.route("/<segment:name>", parameters=[NAME_PARAMETER], methods=["DELETE"])
@blueprint.response(204)
def delete(name: str) -> None:
    """Delete a secret: workflows that list it cannot be executed any more."""
    scope = authentication.agent_scope()
    scope.session.delete(secrets.find(scope, name, lock=True))
    security_events.commit("secret_deleted", now=scope.now)


def _seal(value: Any) -> str:
    """Return a value as a JWE: the client's own, or one that is made here.

    :raises TooLargeError: when it is larger than a secret may be.
    """
    if is_compact_jwe(value):
        return str(value)
    plaintext = orjson.dumps(value)
    if len(plaintext) > secrets.VALUE_BYTES_MAX:
        raise TooLargeError(
            "secret_too_large", f"A secret may have {secrets.VALUE_BYTES_MAX} bytes."
        )
    if not secrets.within_limits(value):
        detail = f"Secrets may hold {secrets.TEXTS_MAX} texts, nested {secrets.DEPTH_MAX} deep."
        raise TooLargeError("secret_too_large", detail)
    return sealing.seal_to_engine(plaintext)


def _etag_members(secret: Secret) -> tuple[str, str]:
    return str(secret.id), secret.updated_at.isoformat()
