"""`/api/bulk`: one verb for many executions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import current_app, url_for

from engine.contracts import timestamps
from engine.store.bulk_jobs import BulkJob
from engine.workflows.executions import bulk_jobs
from engine.workflows.executions.commands import Wanted
from web.extensions import db
from web.http import authentication, idempotency, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.schemas import bulk as schemas

blueprint = Blueprint(
    "bulk", __name__, url_prefix="/api/bulk", description="One verb for many executions"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("", methods=["POST"])
@blueprint.arguments(schemas.BulkRequest)
@blueprint.response(202, schemas.BulkJobShown)
@blueprint.doc(parameters=[idempotency.ASKED])
def start(body: dict[str, Any]) -> tuple[BulkJob, int, dict[str, str]]:
    """Have a verb done to all executions that a query finds."""
    job_id = idempotency.once(lambda: _start(body))
    redis_notify.relay()
    headers = {"Location": url_for("bulk.read", job_id=job_id)} | idempotency.header()
    return _find(job_id), 202, headers


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.BulkJobsQuery, location="query")
@blueprint.response(200, schemas.BulkJobsShown)
def browse(query: dict[str, Any]) -> dict[str, Any]:
    """List the account's bulk jobs, newest first."""
    found, cursor = bulk_jobs.browse(
        db.session(),
        account_id=authentication.identity().account_id,
        limit=query["limit"],
        after=query.get("cursor"),
    )
    return {"jobs": found, "cursor": cursor, "hasMore": bool(cursor)}


@blueprint.route("/<uuid:job_id>", methods=["GET"])
@blueprint.response(200, schemas.BulkJobShown)
def read(job_id: UUID) -> BulkJob:
    """Return how far a job has come."""
    return _find(job_id)


def _start(body: dict[str, Any]) -> UUID:
    asked, settings = body["query"], current_app.extensions["settings"]
    times = {
        name: timestamps.to_datetime(timestamps.parse(asked[name], f"/query/{name}"))
        for name in ("since", "until")
        if name in asked
    }
    return bulk_jobs.start(
        db.session(),
        body["action"],
        Wanted(asked.get("status"), asked.get("workflow_id"), **times),
        account_id=authentication.identity().account_id,
        jobs_max=settings.bulk_jobs_per_account_max,
        now=datetime.now(UTC),
    ).id


def _find(job_id: UUID) -> BulkJob:
    return bulk_jobs.find(
        db.session(), account_id=authentication.identity().account_id, job_id=job_id
    )
