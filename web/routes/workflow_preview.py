"""`/api/workflows/validate` and `/:id/graph`: what the worker alone can see of a workflow."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from flask import current_app

from engine.config.settings import Settings
from engine.contracts.preview import DRAWING, VALIDATION, Drawing, Validation
from engine.crypto import jwe
from engine.crypto.jwe import parse_keys
from engine.crypto.public_keys import require_encryption_key
from engine.errors import ConflictError
from engine.store.accounts import Account
from engine.workflows import definitions, versions
from engine.workflows.definitions import Draft
from web.extensions import db
from web.http import authentication, rate_limits
from web.http.json_bodies import Blueprint
from web.schemas import workflow_preview as schemas
from web.schemas.workflows import CreateRequest

blueprint = Blueprint(
    "workflow_preview", __name__, url_prefix="/api/workflows", description="Workflow preview"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("/validate", methods=["POST"])
@blueprint.arguments(CreateRequest)
@blueprint.response(200, schemas.Verdict)
def validate(body: dict[str, Any]) -> dict[str, Any]:
    """Tell what creating this workflow would find wrong with it, and store nothing."""
    settings, draft = _settings(), Draft(**body)
    definitions.bound(draft, settings.definition_bytes_max)
    # What was sent may not be sealed at all, and Temporal is shown nothing that is not.
    sent = orjson.dumps(
        {"encryptedData": draft.encrypted_data, "encryptionKey": draft.encryption_key}
    )
    sealed = jwe.seal(parse_keys(settings.need("engine_public_keys"))[0], sent)
    account_id = str(authentication.identity().account_id)
    return _look(VALIDATION, lambda key: Validation(account_id, sealed, key))


@blueprint.route("/<uuid:definition_id>/graph", methods=["GET"])
@blueprint.arguments(schemas.GraphQuery, location="query")
@blueprint.response(200, schemas.GraphAnswer)
def draw(query: dict[str, Any], definition_id: UUID) -> dict[str, Any]:
    """Draw a workflow: its steps by JSON pointers, and where the flow may go from each."""
    account_id, session = authentication.identity().account_id, db.session()
    newest = definitions.find(session, account_id=account_id, definition_id=definition_id).version
    version, form, sealed = query.get("version", newest), query["format"], query["sealed"]
    versions.find(session, account_id=account_id, definition_id=definition_id, version=version)
    if sealed:
        require_encryption_key(session.get_one(Account, account_id).public_key)
    told = _look(
        DRAWING,
        lambda key: Drawing(str(account_id), str(definition_id), version, form, sealed, key),
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
