"""`/api/workflows/:id`: read, replace and delete one workflow, and read its versions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, current_app

from engine.config.settings import Settings
from engine.contracts.outbox_messages import VersionCheck
from engine.contracts.workflow_ids import VersionReference
from engine.store.account_scope import AccountScope
from engine.store.workflows import Definition, DefinitionVersion
from engine.workflows import definitions, deletion, replacement, versions
from engine.workflows.definitions import Draft
from web import delivery
from web.http import authentication, etags, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.schemas import workflow_versions as schemas
from web.schemas.workflows import Created, CreateRequest

CHECK_WAIT_SECONDS = 1.0  # with a worker running, the answer has the diagnostics by then

blueprint = Blueprint(
    "workflow_versions", __name__, url_prefix="/api/workflows", description="Workflow versions"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("/<uuid:definition_id>", methods=["GET"])
@blueprint.response(200, Created, headers=etags.RESPONSE_HEADERS)
@blueprint.alt_response(304, description="It is what If-None-Match names", success=True)
@blueprint.doc(parameters=[etags.IF_NONE_MATCH])
def read(definition_id: UUID) -> Response | tuple[dict[str, Definition], int, dict[str, str]]:
    """Return one workflow with its encrypted document."""
    definition = definitions.find(authentication.agent_scope(), definition_id)
    tag = etag(definition)
    if etags.is_current_header(tag):
        return Response(status=304, headers=tag)
    return {"workflow": definition}, 200, tag


@blueprint.route("/<uuid:definition_id>", methods=["PUT"])
@blueprint.arguments(CreateRequest)
@blueprint.response(200, Created, headers=etags.RESPONSE_HEADERS)
@blueprint.doc(parameters=[etags.IF_MATCH])
def replace(
    body: dict[str, Any], definition_id: UUID
) -> tuple[dict[str, Definition], int, dict[str, str]]:
    """Store a new version of a workflow and check it; running executions keep to their version."""
    scope = authentication.agent_scope()
    definition = _lock(scope, definition_id)
    settings: Settings = current_app.extensions["settings"]
    replacement.replace(
        scope,
        definition,
        Draft(**body),
        definition_bytes_max=settings.definition_bytes_max,
        quota_bytes=settings.sync_quota_bytes,
    )
    check = VersionCheck(scope.account_id, VersionReference(definition_id, definition.version))
    delivery.commit_and_deliver(scope, check, wait=CHECK_WAIT_SECONDS)
    redis_notify.wake_relay()
    definition = definitions.find(scope, definition_id)
    return {"workflow": definition}, 200, etag(definition)


@blueprint.route("/<uuid:definition_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.doc(parameters=[etags.IF_MATCH])
def delete(definition_id: UUID) -> None:
    """Delete a workflow with its versions, schedules and executions, unless one of these runs."""
    scope = authentication.agent_scope()
    deletion.delete(scope, _lock(scope, definition_id))
    scope.session.commit()
    redis_notify.wake_relay()


@blueprint.route("/<uuid:definition_id>/versions", methods=["GET"])
@blueprint.arguments(schemas.VersionsQuery, location="query")
@blueprint.response(200, schemas.VersionList)
def browse(query: dict[str, Any], definition_id: UUID) -> dict[str, Any]:
    """List a workflow's versions, newest first; `cursor` leads to the next page."""
    page = versions.browse(
        authentication.agent_scope(),
        definition_id,
        limit=query["limit"],
        after=query.get("cursor"),
    )
    return {"versions": page.versions, "cursor": page.next, "hasMore": page.next is not None}


@blueprint.route("/<uuid:definition_id>/versions/<int:version>", methods=["GET"])
@blueprint.response(200, schemas.VersionAnswer)
def read_version(definition_id: UUID, version: int) -> dict[str, DefinitionVersion]:
    """Return one version of a workflow with its encrypted document."""
    return {"version": versions.find(authentication.agent_scope(), definition_id, version)}


def etag(definition: Definition) -> dict[str, str]:
    """Return a workflow's ETag: every member changes it, If-Match compares its version alone."""
    members = (definition.status, str(definition.last_execution_id), str(definition.checked_at))
    return etags.make_version_header(definition.version, str(definition.id), *members)


def _lock(scope: AccountScope, definition_id: UUID) -> Definition:
    """Return a workflow, locked, whose newest version the client knows by its If-Match.

    :raises NotFoundError: when the account has none with this id.
    :raises PreconditionRequiredError: without an If-Match.
    :raises PreconditionFailedError: when it names another version.
    """
    definition = definitions.find(scope, definition_id, lock=True)
    etags.check_version(definition.version)
    return definition
