"""`/api/bulk`: one action for many executions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app, url_for

from engine.contracts import timestamps
from engine.store.bulk_jobs import BulkJob
from engine.workflows.executions import bulk_jobs
from engine.workflows.executions.queries import ExecutionFilter
from web.http import authentication, idempotency, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.schemas import bulk as schemas

blueprint = Blueprint(
    "bulk", __name__, url_prefix="/api/bulk", description="Bulk operations on executions"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("", methods=["POST"])
@blueprint.arguments(schemas.BulkRequest)
@blueprint.response(202, schemas.BulkJobShown)
@blueprint.doc(parameters=[idempotency.PARAMETER])
def start(body: dict[str, Any]) -> tuple[BulkJob, int, dict[str, str]]:
    """Start an action for all executions that a query finds."""
    scope = authentication.agent_scope()
    key_claim = idempotency.claim(scope)
    if key_claim.replay is None:
        jobs_max = current_app.extensions["settings"].bulk_jobs_per_account_max
        job = bulk_jobs.start(scope, body["action"], _filter(body["query"]), jobs_max=jobs_max)
        idempotency.remember(scope, key_claim, job.id)
    else:
        job = bulk_jobs.find(scope, key_claim.replay)
    scope.session.commit()
    redis_notify.wake_relay()
    location = url_for("bulk.read", job_id=job.id)
    return job, 202, {"Location": location} | key_claim.headers()


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.BulkJobsQuery, location="query")
@blueprint.response(200, schemas.BulkJobsShown)
def browse(query: dict[str, Any]) -> dict[str, Any]:
    """List the account's bulk jobs, newest first."""
    jobs, cursor = bulk_jobs.browse(
        authentication.agent_scope(), limit=query["limit"], after=query.get("cursor")
    )
    return {"jobs": jobs, "cursor": cursor, "hasMore": bool(cursor)}


@blueprint.route("/<uuid:job_id>", methods=["GET"])
@blueprint.response(200, schemas.BulkJobShown)
def read(job_id: UUID) -> BulkJob:
    """Return a bulk job and its progress."""
    return bulk_jobs.find(authentication.agent_scope(), job_id)


def _filter(query: dict[str, Any]) -> ExecutionFilter:
    times = {
        name: timestamps.to_datetime(timestamps.parse(query[name], f"/query/{name}"))
        for name in ("since", "until")
        if name in query
    }
    return ExecutionFilter(query.get("status"), query.get("workflow_id"), **times)
