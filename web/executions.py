"""`/api/executions`: how a run stands, and what it ended with."""

from __future__ import annotations

from uuid import UUID

from flask import Response, current_app, jsonify

from engine import executions
from engine.sync import stamp
from web import guard, limits
from web.bodies import Blueprint
from web.extensions import db
from web.schemas import workflows as schemas

blueprint = Blueprint("executions", __name__, url_prefix="/api/executions", description="Runs of workflows")
guard.protect(blueprint)
limits.limit(blueprint, "workflows")


@blueprint.route("/<uuid:execution_id>", methods=["GET"])
@blueprint.alt_response(200, schema=schemas.Executed, success=True)
def read(execution_id: UUID) -> Response:
    """Return an execution; once it has ended with its result or error, as sealed as was asked."""
    account_id = guard.identity().account_id
    execution = executions.find(db.session(), account_id=account_id, execution_id=execution_id)
    answer = {
        "executionId": execution.id,
        "workflowId": execution.definition_id,
        "status": execution.status,
        "createdAt": stamp.text(stamp.of(execution.created_at)),
        "endedAt": execution.ended_at and stamp.text(stamp.of(execution.ended_at)),
    }
    if execution.ended_at is not None:
        db.session.rollback()  # the worker is asked meanwhile; no transaction stands open for it
        answer |= current_app.extensions["temporal"].outcome(execution_id, account_id) or {}
    return jsonify(answer)
