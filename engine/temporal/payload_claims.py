"""Claims: payloads too large for Temporal, kept in PostgreSQL for as long as a run may ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Delete, delete, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from engine.contracts import executions
from engine.errors import NotFoundError
from engine.store.executions import Execution
from engine.store.payload_claims import Claim

# A worker that dies after the row is settled replays the execution once more: its claims must still be there.
KEPT = timedelta(hours=1)
# Of an execution that has no row, or not its own: nothing runs longer.
KEPT_AT_MOST = timedelta(days=32)
# What a run needs is its own, or was left to it by the one before.
RUNS_KEPT = 2


def keep(
    session: Session, payloads: Sequence[bytes], *, workflow_id: str, run_id: str
) -> list[UUID]:
    """Store payloads of a workflow's run and return their ids."""
    execution_id = _execution_of(session, workflow_id)
    claims = [
        Claim(execution_id=execution_id, workflow_id=workflow_id, run_id=run_id, data=payload)
        for payload in payloads
    ]
    session.add_all(claims)
    session.flush()
    return [claim.id for claim in claims]


def fetch(session: Session, ids: Sequence[UUID]) -> list[bytes]:
    """Return payloads in the order of their ids.

    :raises NotFoundError: when one is no more.
    """
    rows = session.execute(select(Claim.id, Claim.data).where(Claim.id.in_(ids)))
    found = {row.id: row.data for row in rows}
    if not found.keys() >= set(ids):
        raise NotFoundError("claim_unknown", "There is no such claim.")
    return [found[claim_id] for claim_id in ids]


def spent(now: datetime) -> Delete:
    """Return the statement that deletes the claims no run can ask for any more."""
    past_use = now - KEPT
    orderer = aliased(Execution)
    # What an execution gives the one that ordered it stands in that one's history as well.
    awaited = exists().where(
        orderer.id == Execution.ordered_by, func.coalesce(orderer.ended_at >= past_use, True)
    )
    ended = select(Execution.id).where(Execution.ended_at < past_use, ~awaited)
    # A workflow that goes on in new runs needs what its newest one stored, and what that was left.
    newest = func.max(Claim.created_at).label("newest")
    runs = (
        select(Claim.workflow_id, Claim.run_id, newest)
        .group_by(Claim.workflow_id, Claim.run_id)
        .subquery()
    )
    place = func.row_number().over(partition_by=runs.c.workflow_id, order_by=runs.c.newest.desc())
    ranked = select(runs.c.workflow_id, runs.c.run_id, place.label("place")).subquery()
    past = select(ranked.c.workflow_id, ranked.c.run_id).where(ranked.c.place > RUNS_KEPT)
    return delete(Claim).where(
        Claim.execution_id.in_(ended)
        | tuple_(Claim.workflow_id, Claim.run_id).in_(past)
        | (Claim.created_at < now - KEPT_AT_MOST)
    )


def _execution_of(session: Session, workflow_id: str) -> UUID | None:
    kind, _, text = workflow_id.partition(":")
    try:
        asked = UUID(text)
    except ValueError:
        return None
    query = select(Execution.id).where(Execution.id == asked)
    return session.scalar(query) if kind == executions.EXECUTION else None
