"""Bulk jobs: one action for many executions, each as if it had been requested alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.contracts.outbox_messages import BulkWork
from engine.errors import ConflictError, ForbiddenError, NotFoundError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.store.bulk_jobs import BulkJob
from engine.workflows import definitions
from engine.workflows.executions import deletion, queries, stop
from engine.workflows.executions.executions import ExecutionLimits
from engine.workflows.executions.pause import set_paused
from engine.workflows.executions.queries import ExecutionCursor, ExecutionFilter
from engine.workflows.executions.retry import retry_execution

BATCH_EXECUTIONS = 25  # in one transaction: whoever else wants one of their rows waits for it
ACTIONS = ("cancel", "terminate", "pause", "resume", "retry", "delete")


def start(scope: AccountScope, action: str, criteria: ExecutionFilter, *, jobs_max: int) -> BulkJob:
    """Store a job that does an action to all executions that match and exist by now.

    :raises NotFoundError: when the account has no such definition.
    :raises ConflictError: `bulk_too_many`.
    """
    session = scope.session
    if criteria.definition_id is not None:
        definitions.find(scope, criteria.definition_id)
    session.get_one(Account, scope.account_id, with_for_update={"key_share": True})
    running = select(func.count()).where(
        BulkJob.account_id == scope.account_id, BulkJob.status == "running"
    )
    if (session.scalar(running) or 0) >= jobs_max:
        detail = (
            f"An account may have {jobs_max} bulk jobs running at once: wait until one is done."
        )
        raise ConflictError("bulk_too_many", detail, extra={"limit": "bulkJobs"})
    until = min(criteria.until, scope.now) if criteria.until else scope.now
    criteria = ExecutionFilter(criteria.status, criteria.definition_id, criteria.since, until)
    job = BulkJob(
        id=uuid7(),
        account_id=scope.account_id,
        action=action,
        wanted_status=criteria.status,
        definition_id=criteria.definition_id,
        since=criteria.since,
        until=until,
        status="running",
        matched=queries.count_executions(scope, criteria),
        done=0,
        failed=0,
        created_at=scope.now,
    )
    session.add(job)
    outbox.append(session, BulkWork(scope.account_id, job.id), now=scope.now, delay_seconds=0)
    session.flush()
    return job


def work(session: Session, job_id: UUID, *, limits: ExecutionLimits, now: datetime) -> bool:
    """Act on the next executions of a job; tell whether the job is over.

    The caller's commit stores actions and counts at once, so that a job continues where it stopped.
    Another worker on the same job waits for that commit.
    """
    job = session.get(BulkJob, job_id, with_for_update=True)
    if job is None or job.status == "done":
        return True
    scope = AccountScope(session, job.account_id, now)
    after = None if job.place is None else ExecutionCursor.parse(job.place)
    criteria = ExecutionFilter(job.wanted_status, job.definition_id, job.since, job.until)
    page = queries.list_executions(scope, criteria, limit=BATCH_EXECUTIONS, after=after)
    for execution_id in [execution.id for execution in page.executions]:
        try:
            _act(scope, job.action, execution_id, limits)
            job.done += 1
        except (ConflictError, ForbiddenError, NotFoundError):  # it has ended or was deleted
            job.failed += 1
    job.place = str(page.next) if page.next else None
    if page.next is None:
        # Executions that were counted at the start may have left the query before their turn.
        job.status, job.ended_at, job.matched = "done", now, job.done + job.failed
    session.flush()
    return page.next is None


def find(scope: AccountScope, job_id: UUID) -> BulkJob:
    """Return one of the account's jobs.

    :raises NotFoundError: when the account has none with this id.
    """
    query = select(BulkJob).where(BulkJob.account_id == scope.account_id, BulkJob.id == job_id)
    job = scope.session.scalars(query).one_or_none()
    if job is None:
        raise NotFoundError("bulk_unknown", "There is no such bulk job.")
    return job


def browse(
    scope: AccountScope, *, limit: int, after: UUID | None
) -> tuple[Sequence[BulkJob], UUID | None]:
    """Return up to `limit` of the account's jobs, newest first, and the cursor of the next page."""
    query = select(BulkJob).where(BulkJob.account_id == scope.account_id)
    if after is not None:
        query = query.where(BulkJob.id < after)
    jobs = scope.session.scalars(query.order_by(BulkJob.id.desc()).limit(limit + 1)).all()
    return jobs[:limit], jobs[limit - 1].id if len(jobs) > limit else None


def _act(scope: AccountScope, action: str, execution_id: UUID, limits: ExecutionLimits) -> None:
    """Do the action of a job to one execution.

    :raises NotFoundError: when it is gone.
    :raises ConflictError: when its state does not allow the action.
    """
    match action:
        case "cancel":
            stop.cancel(scope, execution_id)
        case "terminate":
            stop.terminate(scope, execution_id)
        case "pause" | "resume":
            set_paused(scope, execution_id, paused=action == "pause")
        case "retry":
            retry_execution(scope, execution_id, latest=False, limits=limits)
        case "delete":
            deletion.delete(scope, execution_id)
