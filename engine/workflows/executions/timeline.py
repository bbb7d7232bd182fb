"""The journals of executions as they are kept: written in batches, read by number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from engine.contracts.timeline import COUNTED, Entry
from engine.store.executions import Execution
from engine.store.timeline import ExecutionProgress, ExecutionStep
from engine.workflows.executions import executions

# What a killed worker told of a task that was never finished, the next one may tell otherwise: events that
# came in between are looked at in another order. So the later word counts, if it differs.
KEEP = text(f"""
WITH kept AS (
  INSERT INTO execution_steps (execution_id, seq, place, kind, phase, attempt, at, error)
  SELECT * FROM json_to_recordset(CAST(:entries AS json)) AS told (
    execution_id uuid, seq integer, place text, kind text,
    phase text, attempt integer, at timestamptz, error text
  )
  ON CONFLICT (execution_id, seq) DO UPDATE SET
    place = EXCLUDED.place, kind = EXCLUDED.kind, phase = EXCLUDED.phase,
    attempt = EXCLUDED.attempt, error = EXCLUDED.error
  WHERE (execution_steps.place, execution_steps.kind, execution_steps.phase,
    execution_steps.attempt, execution_steps.error)
    IS DISTINCT FROM (EXCLUDED.place, EXCLUDED.kind, EXCLUDED.phase, EXCLUDED.attempt, EXCLUDED.error)
)
INSERT INTO execution_progress (execution_id, seq, running, {", ".join(COUNTED)})
SELECT * FROM json_to_recordset(CAST(:last AS json)) AS standing (
  execution_id uuid, seq integer, running jsonb, {", ".join(f"{name} integer" for name in COUNTED)}
)
ON CONFLICT (execution_id) DO UPDATE SET
  seq = EXCLUDED.seq, running = EXCLUDED.running, {", ".join(f"{name} = EXCLUDED.{name}" for name in COUNTED)}
WHERE execution_progress.seq <= EXCLUDED.seq
""")  # noqa: S608 - names of our own columns


@dataclass(frozen=True, slots=True)
class Told:
    """Some entries of an execution's journal, and whether it has ended and all of them are here."""

    steps: Sequence[ExecutionStep]
    status: str
    more: bool


def keep(session: Session, entries: Sequence[Entry], last: Sequence[Entry]) -> None:
    """Write entries, and of each execution how far it is after the `last` of its entries.

    :raises IntegrityError: when one of the executions is no more.
    """
    told = [
        {
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
    ]
    standing = [
        {"execution_id": entry.execution_id, "seq": entry.seq, "running": entry.running}
        | dict(zip(COUNTED, entry.counts, strict=True))
        for entry in last
    ]
    session.execute(
        KEEP, {"entries": orjson.dumps(told).decode(), "last": orjson.dumps(standing).decode()}
    )


def since(session: Session, *, account_id: UUID, execution_id: UUID, seq: int, limit: int) -> Told:
    """Return the entries after a number.

    :raises NotFoundError: when the account has no such execution.
    """
    # First how it stands: the last entries are written before its end, or with it.
    query = select(Execution.status).where(
        Execution.account_id == account_id, Execution.id == execution_id
    )
    status = session.scalar(query)
    if status is None:
        raise executions.unknown()
    following = select(ExecutionStep).where(
        ExecutionStep.execution_id == execution_id, ExecutionStep.seq > seq
    )
    found = session.scalars(following.order_by(ExecutionStep.seq).limit(limit + 1)).all()
    return Told(found[:limit], status, len(found) > limit)


def standing(session: Session, execution_id: UUID) -> dict[str, Any]:
    """Return which steps run, the innermost alone, how many were in each phase, and how many retries."""
    found = session.get(ExecutionProgress, execution_id)
    counts = {name: 0 if found is None else getattr(found, name) for name in COUNTED}
    retries = counts.pop("retrying")
    return {
        "current": innermost(found.running if found else ()),
        "steps": counts,
        "attempts": retries,
    }


def innermost(running: Iterable[str]) -> list[str]:
    """Return the places that have none of the others below them."""
    places = list(dict.fromkeys(running))
    return [one for one in places if not any(other.startswith(f"{one}/") for other in places)]


def channel(account_id: UUID | str) -> str:
    """Return the Redis channel on which streams are told that an execution of the account has gone on."""
    return f"progress:{account_id}"
