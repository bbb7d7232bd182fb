"""One verb for many executions, in the background: each is acted on as if it had been named alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.errors import ConflictError, NotFoundError
from engine.store import outbox
from engine.store.accounts import Account
from engine.store.bulk_jobs import BulkJob
from engine.workflows import definitions
from engine.workflows.executions import commands, pause
from engine.workflows.executions.commands import Place, Wanted

BATCH = 25  # executions in one transaction: whoever else wants one of their rows waits that long

# Every verb for one execution.
ACTIONS: dict[str, Callable[..., Any]] = {
    "cancel": partial(commands.stop, how="cancel"),
    "terminate": partial(commands.stop, how="terminate"),
    "pause": partial(pause.hold, paused=True),
    "resume": partial(pause.hold, paused=False),
    "retry": partial(commands.retry, latest=False),
    "delete": commands.forget,
}
STARTING = {"retry"}  # those that are bounded by how many executions may run


def start(
    session: Session, action: str, wanted: Wanted, *, account_id: UUID, jobs_max: int, now: datetime
) -> BulkJob:
    """Have a verb done to all executions that are wanted and there by now.

    :raises NotFoundError: when the account has no such definition.
    :raises ConflictError: `bulk_too_many`.
    """
    if wanted.definition_id is not None:
        definitions.find(session, account_id=account_id, definition_id=wanted.definition_id)
    session.get_one(Account, account_id, with_for_update={"key_share": True})
    running = select(func.count()).where(
        BulkJob.account_id == account_id, BulkJob.status == "running"
    )
    if (session.scalar(running) or 0) >= jobs_max:
        detail = (
            f"An account may have {jobs_max} bulk jobs running at once: wait until one is done."
        )
        raise ConflictError("bulk_too_many", detail, extra={"limit": "bulkJobs"})
    until = min(wanted.until, now) if wanted.until else now
    wanted = Wanted(wanted.status, wanted.definition_id, wanted.since, until)
    job = BulkJob(
        id=uuid7(),
        account_id=account_id,
        action=action,
        wanted_status=wanted.status,
        definition_id=wanted.definition_id,
        since=wanted.since,
        until=until,
        status="running",
        matched=commands.count(session, wanted, account_id=account_id),
        done=0,
        failed=0,
        created_at=now,
    )
    session.add(job)
    subject = str(job.id)
    outbox.append(
        session, account_id=account_id, kind=outbox.BULK, subject=subject, now=now, delay_seconds=0
    )
    session.flush()
    return job


def work(session: Session, job_id: UUID, *, running_max: int, now: datetime) -> bool:
    """Act on the next executions of a job; tell whether it is over.

    The commit makes them acted on and counted at once, so that a job goes on where it was left. Another
    that works on the same job waits for it.
    """
    job = session.get(BulkJob, job_id, with_for_update=True)
    if job is None or job.status == "done":
        return True
    after = None if job.place is None else Place.parse(job.place)
    page = commands.browse(
        session, _wanted(job), account_id=job.account_id, limit=BATCH, after=after
    )
    bound = {"running_max": running_max} if job.action in STARTING else {}
    act = partial(ACTIONS[job.action], session, account_id=job.account_id, now=now, **bound)
    for execution_id in [execution.id for execution in page.executions]:
        try:
            act(execution_id=execution_id)
            job.done += 1
        except (ConflictError, NotFoundError):  # it has ended meanwhile, or is no more
            job.failed += 1
    job.place = str(page.next) if page.next else None
    if page.next is None:
        # What was counted in the beginning may have come out of the query before its turn.
        job.status, job.ended_at, job.matched = "done", now, job.done + job.failed
    session.flush()
    return page.next is None


def find(session: Session, *, account_id: UUID, job_id: UUID) -> BulkJob:
    """Return one of the account's jobs.

    :raises NotFoundError: when it has none with this id.
    """
    query = select(BulkJob).where(BulkJob.account_id == account_id, BulkJob.id == job_id)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError("bulk_unknown", "There is no such bulk job.")
    return found


def browse(
    session: Session, *, account_id: UUID, limit: int, after: UUID | None
) -> tuple[Sequence[BulkJob], UUID | None]:
    """Return up to `limit` of the account's jobs, newest first, and after which the next page begins."""
    query = select(BulkJob).where(BulkJob.account_id == account_id)
    if after is not None:
        query = query.where(BulkJob.id < after)
    found = session.scalars(query.order_by(BulkJob.id.desc()).limit(limit + 1)).all()
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def _wanted(job: BulkJob) -> Wanted:
    return Wanted(job.wanted_status, job.definition_id, job.since, job.until)
