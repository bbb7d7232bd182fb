"""`/api/workflows/:id`: one workflow read, replaced and deleted, and all the versions it has had."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from flask import Response, current_app

from engine.errors import UnavailableError
from engine.store.workflows import Definition, DefinitionVersion
from engine.workflows import changes, definitions, versions
from engine.workflows.definitions import Draft
from web.extensions import db
from web.http import authentication, etags, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.schemas import workflow_versions as schemas
from web.schemas.workflows import Created, CreateRequest

CHECK_WAIT_SECONDS = 1.0  # the diagnostics are in the answer when a worker is about

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
    """Return one workflow with what was sealed."""
    found = definitions.find(
        db.session(), account_id=authentication.identity().account_id, definition_id=definition_id
    )
    tag = tagged(found)
    if etags.is_current_header(tag):
        return Response(status=304, headers=tag)
    return {"workflow": found}, 200, tag


@blueprint.route("/<uuid:definition_id>", methods=["PUT"])
@blueprint.arguments(CreateRequest)
@blueprint.response(200, Created, headers=etags.RESPONSE_HEADERS)
@blueprint.doc(parameters=[etags.IF_MATCH])
def replace(
    body: dict[str, Any], definition_id: UUID
) -> tuple[dict[str, Definition], int, dict[str, str]]:
    """Make a new version of a workflow and have it checked; executions that run keep to theirs."""
    found, session, now = _locked(definition_id), db.session(), datetime.now(UTC)
    most = current_app.extensions["settings"].definition_bytes_max
    changes.change(session, found, Draft(**body), now=now, definition_bytes_max=most)
    account_id, version = found.account_id, found.version
    session.commit()
    redis_notify.wake_relay()
    check(definition_id, account_id, version)
    found = definitions.find(session, account_id=account_id, definition_id=definition_id)
    return {"workflow": found}, 200, tagged(found)


@blueprint.route("/<uuid:definition_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.doc(parameters=[etags.IF_MATCH])
def delete(definition_id: UUID) -> None:
    """Delete a workflow with its versions, schedule and executions; refused while one of these runs."""
    changes.delete(db.session(), _locked(definition_id), now=datetime.now(UTC))
    db.session.commit()
    redis_notify.wake_relay()


@blueprint.route("/<uuid:definition_id>/versions", methods=["GET"])
@blueprint.arguments(schemas.VersionsQuery, location="query")
@blueprint.response(200, schemas.VersionList)
def browse(query: dict[str, Any], definition_id: UUID) -> dict[str, Any]:
    """List a workflow's versions, newest first, without what was sealed; `cursor` leads to the next page."""
    page = versions.browse(
        db.session(),
        account_id=authentication.identity().account_id,
        definition_id=definition_id,
        limit=query["limit"],
        after=query.get("cursor"),
    )
    return {"versions": page.versions, "cursor": page.next, "hasMore": page.next is not None}


@blueprint.route("/<uuid:definition_id>/versions/<int:version>", methods=["GET"])
@blueprint.response(200, schemas.VersionAnswer)
def read_version(definition_id: UUID, version: int) -> dict[str, DefinitionVersion]:
    """Return one version of a workflow with what was sealed."""
    found = versions.find(
        db.session(),
        account_id=authentication.identity().account_id,
        definition_id=definition_id,
        version=version,
    )
    return {"version": found}


def check(definition_id: UUID, account_id: UUID, version: int = 1) -> None:
    """Have a version that was saved checked, at once if there is a worker; read anew what it has found."""
    door = current_app.extensions["temporal"]
    try:
        door.check_definition(definition_id, account_id, wait=CHECK_WAIT_SECONDS, version=version)
    except UnavailableError:
        structlog.get_logger().info("check_left_to_relay", definition=str(definition_id))
    db.session().expire_all()  # the worker has written the diagnostics


def tagged(definition: Definition) -> dict[str, str]:
    """Return a workflow's ETag: all that is shown of it changes it, and its version alone must be matched."""
    shown = (definition.status, str(definition.last_execution_id), str(definition.checked_at))
    return etags.make_version_header(definition.version, str(definition.id), *shown)


def _locked(definition_id: UUID) -> Definition:
    """Return a workflow of which the request has seen the newest version; nobody changes it meanwhile.

    :raises NotFoundError: when the account has none with this id.
    :raises PreconditionRequiredError: without an If-Match.
    :raises PreconditionFailedError: when it names another version.
    """
    found = definitions.find(
        db.session(),
        account_id=authentication.identity().account_id,
        definition_id=definition_id,
        lock=True,
    )
    etags.check_version(found.version)
    return found
