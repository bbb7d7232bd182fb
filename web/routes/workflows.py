"""`/api/workflows`: create a sealed workflow, list, execute."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import current_app, url_for

from engine.config.settings import Settings
from engine.language import support_table
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows import versions as engine_versions
from engine.workflows.definitions import Draft
from engine.workflows.executions import executions
from engine.workflows.schedules.recurrence import BACKFILLED_MAX
from web.extensions import db
from web.http import authentication, etags, idempotency, rate_limits
from web.http.json_bodies import Blueprint
from web.routes import start_execution, workflow_versions
from web.routes.execution_input import order
from web.routes.executions import listed
from web.schemas import executions as run_schemas
from web.schemas import workflows as schemas
from web.temporal_client import Temporal

blueprint = Blueprint(
    "workflows", __name__, url_prefix="/api/workflows", description="Sealed workflows"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.ListQuery, location="query")
@blueprint.response(200, schemas.Listing)
def browse(query: dict[str, Any]) -> dict[str, Any]:
    """List the account's workflows, newest first."""
    listing = definitions.browse(
        db.session(), account_id=authentication.identity().account_id, **query
    )
    return {"workflows": listing.definitions, "total": listing.total, "hasMore": listing.has_more}


@blueprint.route("", methods=["POST"])
@blueprint.arguments(schemas.CreateRequest)
@blueprint.response(201, schemas.Created, headers=etags.ANSWERED)
@blueprint.doc(parameters=[idempotency.ASKED])
def create(body: dict[str, Any]) -> tuple[dict[str, Definition], int, dict[str, str]]:
    """Store a sealed workflow and have it checked; what is wrong with it stands in `diagnostics`."""
    account_id, session = authentication.identity().account_id, db.session()
    definition_id = idempotency.once(lambda: _save(account_id, Draft(**body)))
    if not idempotency.repeated():
        workflow_versions.check(definition_id, account_id)
    definition = definitions.find(session, account_id=account_id, definition_id=definition_id)
    told = {
        "Location": url_for("versions.read", definition_id=definition_id)
    } | workflow_versions.tagged(definition)
    return {"workflow": definition}, 201, told | idempotency.header()


@blueprint.route("/language", methods=["GET"])
@blueprint.response(200, schemas.Language)
def language() -> dict[str, Any]:
    """Return what of the workflow language is supported, what is refused and why, and the limits."""
    return {
        "specification": support_table.SPECIFICATION,
        "constructs": support_table.CONSTRUCTS,
        "limits": support_table.LIMITS,
    }


@blueprint.route("/limits", methods=["GET"])
@blueprint.response(200, schemas.Limits)
def show_limits() -> dict[str, dict[str, float]]:
    """Return what no workflow and no execution may exceed, each under the name its error has."""
    settings = _settings()
    of_settings = {
        "definitionBytes": settings.definition_bytes_max,
        "inputBytes": settings.value_bytes_max,
        "resultBytes": settings.value_bytes_max,
        "concurrentExecutions": settings.executions_per_account_max,
        "executionSeconds": settings.execution_seconds_max,
        "schedules": settings.schedules_per_account_max,
        "backfilledExecutions": BACKFILLED_MAX,
        "bulkJobs": settings.bulk_jobs_per_account_max,
    }
    return {"limits": dict(sorted((support_table.LIMITS_BY_NAME | of_settings).items()))}


@blueprint.route("/<uuid:definition_id>/executions", methods=["GET"])
@blueprint.arguments(run_schemas.OfWorkflowQuery, location="query")
@blueprint.response(200, run_schemas.Runs)
def browse_runs(query: dict[str, Any], definition_id: UUID) -> dict[str, Any]:
    """List a workflow's executions, newest first; `cursor` leads to the next page."""
    return listed(query, definition_id)


@blueprint.route("/<uuid:definition_id>/execute", methods=["POST"])
@blueprint.arguments(schemas.ExecuteRequest, required=False)
@blueprint.response(200, schemas.Executed)
@blueprint.alt_response(202, schema=schemas.Executed, success=True)
@blueprint.doc(parameters=[idempotency.ASKED])
def execute(body: dict[str, Any], definition_id: UUID) -> start_execution.Answer:
    """Run a workflow; `Prefer: wait=N` waits up to N seconds for its end (RFC 7240)."""
    account_id = authentication.identity().account_id
    if idempotency.asked():  # what it made before may be gone, with its workflow
        definitions.find(db.session(), account_id=account_id, definition_id=definition_id)
    return start_execution.started(lambda: _start(account_id, definition_id, body), definition_id)


def _save(account_id: UUID, draft: Draft) -> UUID:
    definition = definitions.save(
        db.session(),
        account_id=account_id,
        draft=draft,
        now=datetime.now(UTC),
        definition_bytes_max=_settings().definition_bytes_max,
    )
    return definition.id


def _start(account_id: UUID, definition_id: UUID, body: dict[str, Any]) -> UUID:
    """Store an execution of a version that is there; until the commit its workflow stays as it is."""
    session, version = db.session(), body.get("version")
    definition = definitions.find(
        session, account_id=account_id, definition_id=definition_id, lock=True
    )
    if version is not None:
        engine_versions.find(
            session, account_id=account_id, definition_id=definition_id, version=version
        )
    account = executions.admit(
        session, account_id=account_id, running_max=_settings().executions_per_account_max
    )
    execution = executions.start(
        session,
        account_id=account_id,
        definition=definition,
        order=order(account, body),
        now=datetime.now(UTC),
        version=version,
    )
    return execution.id


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings


def _temporal() -> Temporal:
    door: Temporal = current_app.extensions["temporal"]
    return door
