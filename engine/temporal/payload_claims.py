"""Payload claims: payloads too large for Temporal, in PostgreSQL while a run may need them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Delete, delete, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from engine.contracts.workflow_ids import parse_execution
from engine.errors import NotFoundError
from engine.store.executions import Execution
from engine.store.payload_claims import Claim

# A worker that dies after the row has ended replays the execution: its claims must still exist.
RETENTION = timedelta(hours=1)
# For claims of a workflow without an execution's row: nothing runs longer.
RETENTION_MAX = timedelta(days=32)
# A run needs its own claims and those of the run before.
RUNS_MAX = 2


def store(
    session: Session, payloads: Sequence[bytes], *, workflow_id: str, run_id: str
) -> list[UUID]:
    """Store payloads of a workflow's run and return their ids."""
    execution_id = _find_execution(session, workflow_id)
    claims = [
        Claim(execution_id=execution_id, workflow_id=workflow_id, run_id=run_id, data=payload)
        for payload in payloads
    ]
    session.add_all(claims)
    session.flush()
    return [claim.id for claim in claims]


def fetch(session: Session, ids: Sequence[UUID]) -> list[bytes]:
    """Return payloads in the order of their ids.

    :raises NotFoundError: when one was deleted.
    """
    rows = session.execute(select(Claim.id, Claim.data).where(Claim.id.in_(ids)))
    data = {row.id: row.data for row in rows}
    if not data.keys() >= set(ids):
        raise NotFoundError("claim_unknown", "There is no such claim.")
    return [data[claim_id] for claim_id in ids]


def expiry(now: datetime) -> Delete:
    """Return the statement that deletes the claims that no run can need any more."""
    ended_before = now - RETENTION
    parent = aliased(Execution)
    # A child's result is also part of its parent's history.
    is_awaited = exists().where(
        parent.id == Execution.ordered_by, func.coalesce(parent.ended_at >= ended_before, True)
    )
    ended = select(Execution.id).where(Execution.ended_at < ended_before, ~is_awaited)
    # A workflow that continues in new runs needs the claims of its newest two.
    newest = func.max(Claim.created_at).label("newest")
    runs = (
        select(Claim.workflow_id, Claim.run_id, newest)
        .group_by(Claim.workflow_id, Claim.run_id)
        .subquery()
    )
    place = func.row_number().over(partition_by=runs.c.workflow_id, order_by=runs.c.newest.desc())
    ranked = select(runs.c.workflow_id, runs.c.run_id, place.label("place")).subquery()
    past = select(ranked.c.workflow_id, ranked.c.run_id).where(ranked.c.place > RUNS_MAX)
    return delete(Claim).where(
        Claim.execution_id.in_(ended)
        | tuple_(Claim.workflow_id, Claim.run_id).in_(past)
        | (Claim.created_at < now - RETENTION_MAX)
    )


def _find_execution(session: Session, workflow_id: str) -> UUID | None:
    execution_id = parse_execution(workflow_id)
    if execution_id is None:
        return None
    return session.scalar(select(Execution.id).where(Execution.id == execution_id))
