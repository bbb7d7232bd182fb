"""`/api/workflows/validate` and `/:id/graph`: previews that the worker makes of a workflow."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from flask import current_app

from engine.contracts.preview import DRAWING, VALIDATION, Drawing, Validation
from engine.crypto.public_keys import require_encryption_key
from engine.errors import ConflictError
from engine.store.accounts import Account
from engine.temporal.commands import Reading
from engine.workflows import definitions, versions
from engine.workflows.definitions import Draft
from web import delivery
from web.extensions import db
from web.http import authentication, rate_limits
from web.http.json_bodies import Blueprint
from web.routes import sealing
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
    """Return the diagnostics that creating this workflow would have; store nothing."""
    draft = Draft(**body)
    definitions.check_size(draft, current_app.extensions["settings"].definition_bytes_max)
    # The two members need not be encrypted at all; Temporal must get ciphertext alone.
    plaintext = orjson.dumps(
        {"encryptedData": draft.encrypted_data, "encryptionKey": draft.encryption_key}
    )
    account_id = str(authentication.identity().account_id)
    reply_key = delivery.temporal().reply_key
    return _preview(
        VALIDATION, Validation(account_id, sealing.seal_to_engine(plaintext), reply_key)
    )


@blueprint.route("/<uuid:definition_id>/graph", methods=["GET"])
@blueprint.arguments(schemas.GraphQuery, location="query")
@blueprint.response(200, schemas.GraphAnswer)
def draw(query: dict[str, Any], definition_id: UUID) -> dict[str, Any]:
    """Draw a workflow: its steps by JSON pointers, and where the flow may go from each."""
    scope = authentication.agent_scope()
    newest = definitions.find(scope, definition_id).version
    version, form, seals = query.get("version", newest), query["format"], query["sealed"]
    versions.find(scope, definition_id, version)
    if seals:
        require_encryption_key(scope.session.get_one(Account, scope.account_id).public_key)
    ids = (str(scope.account_id), str(definition_id))
    reply_key = delivery.temporal().reply_key
    reply = _preview(DRAWING, Drawing(*ids, version, form, seals, reply_key))
    if "refused" in reply:
        raise ConflictError("workflow_undrawable", reply["refused"])
    return {
        "workflowId": definition_id,
        "workflowVersion": version,
        "format": form,
        "graph": reply["graph"],
    }


def _preview(kind: str, reading: Reading) -> dict[str, Any]:
    """Return the worker's reply; no transaction stays open meanwhile."""
    db.session.rollback()
    return delivery.temporal().preview(kind, reading)
