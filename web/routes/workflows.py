"""`/api/workflows`: create an encrypted workflow, list them, and execute one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app, url_for

from engine.config.settings import Settings
from engine.contracts.outbox_messages import ExecutionLaunch, VersionCheck
from engine.contracts.workflow_ids import VersionReference
from engine.language import support_table
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.definitions import Draft
from engine.workflows.executions import executions
from engine.workflows.executions.executions import ExecutionLimits
from engine.workflows.schedules.backfill import BACKFILLED_MAX
from web import delivery
from web.http import authentication, etags, idempotency, rate_limits
from web.http.json_bodies import Blueprint
from web.routes import execution_view, sealing, workflow_versions
from web.schemas import executions as execution_schemas
from web.schemas import workflows as schemas

blueprint = Blueprint("workflows", __name__, url_prefix="/api/workflows", description="Workflows")
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.ListQuery, location="query")
@blueprint.response(200, schemas.Listing)
def browse(query: dict[str, Any]) -> dict[str, Any]:
    """List the account's workflows, newest first."""
    page = definitions.browse(authentication.agent_scope(), **query)
    return {"workflows": page.definitions, "total": page.total, "hasMore": page.has_more}


@blueprint.route("", methods=["POST"])
@blueprint.arguments(schemas.CreateRequest)
@blueprint.response(201, schemas.Created, headers=etags.RESPONSE_HEADERS)
@blueprint.doc(parameters=[idempotency.PARAMETER])
def create(body: dict[str, Any]) -> tuple[dict[str, Definition], int, dict[str, str]]:
    """Store an encrypted workflow and check it; `diagnostics` says what is wrong with it."""
    scope = authentication.agent_scope()
    key_claim = idempotency.claim(scope)
    if key_claim.replay is None:
        definition = definitions.save(
            scope,
            Draft(**body),
            definition_bytes_max=_settings().definition_bytes_max,
            quota_bytes=_settings().sync_quota_bytes,
        )
        definition_id = definition.id
        idempotency.remember(scope, key_claim, definition_id)
        check = VersionCheck(scope.account_id, VersionReference(definition_id))
        delivery.commit_and_deliver(scope, check, wait=workflow_versions.CHECK_WAIT_SECONDS)
    else:
        definition_id = key_claim.replay
        scope.session.commit()
    definition = definitions.find(scope, definition_id)
    location = {"Location": url_for("workflow_versions.read", definition_id=definition_id)}
    headers = location | workflow_versions.etag(definition) | key_claim.headers()
    return {"workflow": definition}, 201, headers


@blueprint.route("/language", methods=["GET"])
@blueprint.response(200, schemas.Language)
def language() -> dict[str, Any]:
    """Return which constructs of the language are supported or refused, and the limits."""
    return {
        "specification": support_table.SPECIFICATION,
        "constructs": support_table.CONSTRUCTS,
        "limits": support_table.LIMITS,
    }


@blueprint.route("/limits", methods=["GET"])
@blueprint.response(200, schemas.LimitsSchema)
def show_limits() -> dict[str, dict[str, float]]:
    """Return the limits of workflows and executions, each by the name that its error has."""
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
@blueprint.arguments(execution_schemas.OfWorkflowQuery, location="query")
@blueprint.response(200, execution_schemas.Runs)
def browse_executions(query: dict[str, Any], definition_id: UUID) -> dict[str, Any]:
    """List a workflow's executions, newest first; `cursor` leads to the next page."""
    return execution_view.page(query, definition_id)


@blueprint.route("/<uuid:definition_id>/execute", methods=["POST"])
@blueprint.arguments(schemas.ExecuteRequest, required=False)
@blueprint.response(200, schemas.Executed)
@blueprint.alt_response(202, schema=schemas.Executed, success=True)
@blueprint.doc(parameters=[idempotency.PARAMETER])
def execute(body: dict[str, Any], definition_id: UUID) -> execution_view.Answer:
    """Execute a workflow; `Prefer: wait=N` waits up to N seconds for its end (RFC 7240)."""
    scope, (wait, _) = authentication.agent_scope(), execution_view.requested_wait()
    key_claim = idempotency.claim(scope)
    if key_claim.replay is None:
        execution = executions.execute(
            scope,
            definition_id,
            sealing.seal_input(body),
            version=body.get("version"),
            limits=ExecutionLimits.from_settings(_settings()),
        )
        execution_id = execution.id
        idempotency.remember(scope, key_claim, execution_id)
        launch = ExecutionLaunch(scope.account_id, execution_id)
        outcome = delivery.commit_and_deliver(scope, launch, wait=wait)
    else:
        definitions.find(
            scope, definition_id
        )  # it may have been deleted since, with its executions
        execution_id = key_claim.replay
        outcome = delivery.commit_and_join(scope, execution_id, wait=wait)
    return execution_view.started(execution_id, outcome, key_claim, workflowId=definition_id)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
