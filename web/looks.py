"""`/api/workflows/validate` and `/:id/graph`: what the worker alone can see of a workflow."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from flask import current_app

from engine import definitions, versions
from engine.definitions import Draft
from engine.errors import ConflictError
from engine.interpreter import looks
from engine.settings import Settings
from engine.store.models import Account
from engine.vault import envelope
from engine.vault.envelope import keys_of
from engine.vault.public_keys import need_sealable
from web import guard, limits
from web.bodies import Blueprint
from web.extensions import db
from web.schemas import looks as schemas
from web.schemas.workflows import CreateRequest

blueprint = Blueprint("looks", __name__, url_prefix="/api/workflows", description="Looks at workflows")
guard.protect(blueprint)
limits.limit(blueprint, "workflows")


@blueprint.route("/validate", methods=["POST"])
@blueprint.arguments(CreateRequest)
@blueprint.response(200, schemas.Verdict)
def validate(body: dict[str, Any]) -> dict[str, Any]:
    """Tell what creating this workflow would find wrong with it, and store nothing."""
    settings, draft = _settings(), Draft(**body)
    definitions.bound(draft, settings.definition_bytes_max)
    # What was sent may not be sealed at all, and Temporal is shown nothing that is not.
    sent = orjson.dumps({"encryptedData": draft.encrypted_data, "encryptionKey": draft.encryption_key})
    sealed = envelope.seal(keys_of(settings.need("engine_public_keys"))[0], sent)
    account_id = str(guard.identity().account_id)
    return _look(looks.VALIDATION, lambda key: looks.Validation(account_id, sealed, key))


@blueprint.route("/<uuid:definition_id>/graph", methods=["GET"])
@blueprint.arguments(schemas.GraphQuery, location="query")
@blueprint.response(200, schemas.GraphAnswer)
def draw(query: dict[str, Any], definition_id: UUID) -> dict[str, Any]:
    """Draw a workflow: its steps by JSON pointers, and where the flow may go from each."""
    account_id, session = guard.identity().account_id, db.session()
    newest = definitions.find(session, account_id=account_id, definition_id=definition_id).version
    version, form, sealed = query.get("version", newest), query["format"], query["sealed"]
    versions.find(session, account_id=account_id, definition_id=definition_id, version=version)
    if sealed:
        need_sealable(session.get_one(Account, account_id).public_key)
    told = _look(
        looks.DRAWING,
        lambda key: looks.Drawing(str(account_id), str(definition_id), version, form, sealed, key),
    )
    if "refused" in told:
        raise ConflictError("workflow_undrawable", told["refused"])
    return {
        "workflowId": definition_id,
        "workflowVersion": version,
        "format": form,
        "graph": told["graph"],
    }


def _look(kind: str, asked: Any) -> dict[str, Any]:
    """Ask the worker; no transaction stands open meanwhile."""
    db.session.rollback()
    told: dict[str, Any] = current_app.extensions["temporal"].look(kind, asked)
    return told


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
