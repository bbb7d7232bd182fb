"""Timelines of executions: written in batches, read by sequence number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from engine.contracts.timeline import COUNTED_PHASES, TimelineEntry
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.timeline import ExecutionProgress, ExecutionStep
from engine.workflows.executions import executions

# A worker that takes over an unfinished workflow task from a killed one may record other entries:
# events that came in between have another order. So a later entry replaces an earlier one.
STORE = text(f"""
WITH entries AS (
  INSERT INTO execution_steps (execution_id, seq, place, kind, phase, attempt, at, error)
  SELECT * FROM json_to_recordset(CAST(:entries AS json)) AS entry (
    execution_id uuid, seq integer, place text, kind text,
    phase text, attempt integer, at timestamptz, error text
  )
  ON CONFLICT (execution_id, seq) DO UPDATE SET
    place = EXCLUDED.place, kind = EXCLUDED.kind, phase = EXCLUDED.phase,
    attempt = EXCLUDED.attempt, error = EXCLUDED.error
  WHERE (execution_steps.place, execution_steps.kind, execution_steps.phase,
    execution_steps.attempt, execution_steps.error)
    IS DISTINCT FROM (EXCLUDED.place, EXCLUDED.kind, EXCLUDED.phase, EXCLUDED.attempt,
    EXCLUDED.error)
)
INSERT INTO execution_progress (execution_id, seq, running, {", ".join(COUNTED_PHASES)})
SELECT * FROM json_to_recordset(CAST(:last AS json)) AS progress (
  execution_id uuid, seq integer, running jsonb,
  {", ".join(f"{name} integer" for name in COUNTED_PHASES)}
)
ON CONFLICT (execution_id) DO UPDATE SET
  seq = EXCLUDED.seq, running = EXCLUDED.running,
  {", ".join(f"{name} = EXCLUDED.{name}" for name in COUNTED_PHASES)}
WHERE execution_progress.seq <= EXCLUDED.seq
""")  # noqa: S608 - names of our own columns


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Entries of an execution's timeline, its status before they were read, and if more follow."""

    steps: Sequence[ExecutionStep]
    status: str
    has_more: bool


def store(
    session: Session, entries: Sequence[TimelineEntry], last: Sequence[TimelineEntry]
) -> None:
    """Store entries, and for each execution its progress after the `last` of its entries.

    A workflow task that is repeated soon records its entries again. Of two with one number the
    later one counts: one statement could not store both.

    :raises IntegrityError: when the row of an execution is gone.
    """
    steps = {
        (entry.execution_id, entry.seq): {
            "execution_id": entry.execution_id,
            "seq": entry.seq,
            "place": entry.place,
            "kind": entry.kind,
            "phase": entry.phase,
            "attempt": entry.attempt,
            "at": entry.at,
            "error": entry.error,
        }
        for entry in entries
    }
    progress = [
        {"execution_id": entry.execution_id, "seq": entry.seq, "running": entry.running}
        | dict(zip(COUNTED_PHASES, entry.counts, strict=True))
        for entry in last
    ]
    session.execute(
        STORE,
        {
            "entries": orjson.dumps([*steps.values()]).decode(),
            "last": orjson.dumps(progress).decode(),
        },
    )


def read(scope: AccountScope, execution_id: UUID, *, after: int, limit: int) -> TimelinePage:
    """Return up to `limit` entries after a sequence number.

    :raises NotFoundError: when the account has no such execution.
    """
    # The status first: the last entries are stored before the execution ends, or with its end.
    query = select(Execution.status).where(
        Execution.account_id == scope.account_id, Execution.id == execution_id
    )
    status = scope.session.scalar(query)
    if status is None:
        raise executions.unknown()
    following = select(ExecutionStep).where(
        ExecutionStep.execution_id == execution_id, ExecutionStep.seq > after
    )
    in_order = following.order_by(ExecutionStep.seq).limit(limit + 1)
    steps = scope.session.scalars(in_order).all()
    return TimelinePage(steps[:limit], status, len(steps) > limit)


def progress(session: Session, execution_id: UUID) -> dict[str, Any]:
    """Return the innermost running steps, the number of steps in each phase, and of retries."""
    row = session.get(ExecutionProgress, execution_id)
    counts = {name: 0 if row is None else getattr(row, name) for name in COUNTED_PHASES}
    retries = counts.pop("retrying")
    return {
        "current": innermost(row.running if row else ()),
        "steps": counts,
        "attempts": retries,
    }


def innermost(running: Iterable[str]) -> list[str]:
    """Return the places below which there is none of the others."""
    places = list(dict.fromkeys(running))
    return [one for one in places if not any(other.startswith(f"{one}/") for other in places)]


def channel(account_id: UUID | str) -> str:
    """Return the Redis channel that hints streams at new entries in the account."""
    return f"progress:{account_id}"
