"""The journals of executions as they are kept: written in batches, read by number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from engine import executions
from engine.interpreter.journal import COUNTED, Entry
from engine.store.models import Execution, ExecutionProgress, ExecutionStep

# What a killed worker told of a task that was never finished, the next one may tell otherwise: events that
# came in between are looked at in another order. So the later word counts, if it differs.
_TOLD = ("execution_id", "seq", "place", "kind", "phase", "attempt", "at", "error")
_SAID = ("place", "kind", "phase", "attempt", "error")
_STANDING = ("execution_id", "seq", "running", *COUNTED)


def _set(table: str, names: Iterable[str]) -> tuple[str, str, str]:
    """Return the assignments of an upsert, and both sides of what may differ."""
    names = list(names)
    return (
        ", ".join(f"{name} = EXCLUDED.{name}" for name in names),
        ", ".join(f"{table}.{name}" for name in names),
        ", ".join(f"EXCLUDED.{name}" for name in names),
    )


_ASSIGNED, _KNOWN, _GIVEN = _set("execution_steps", _SAID)
_MOVED, _, _ = _set("execution_progress", _STANDING[1:])
KEEP = text(f"""
WITH kept AS (
  INSERT INTO execution_steps ({", ".join(_TOLD)})
  SELECT * FROM unnest(
    CAST(:execution_id AS uuid[]), CAST(:seq AS integer[]), CAST(:place AS text[]), CAST(:kind AS text[]),
    CAST(:phase AS text[]), CAST(:attempt AS integer[]), CAST(:at AS timestamptz[]), CAST(:error AS text[])
  )
  ON CONFLICT (execution_id, seq) DO UPDATE SET {_ASSIGNED}
  WHERE ({_KNOWN}) IS DISTINCT FROM ({_GIVEN})
)
INSERT INTO execution_progress ({", ".join(_STANDING)})
SELECT * FROM unnest(
  CAST(:last AS uuid[]), CAST(:last_seq AS integer[]), CAST(:running AS jsonb[]),
  {", ".join(f"CAST(:{name} AS integer[])" for name in COUNTED)}
)
ON CONFLICT (execution_id) DO UPDATE SET {_MOVED}
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
    standing = dict(zip(COUNTED, zip(*(entry.counts for entry in last), strict=True), strict=True))
    session.execute(
        KEEP,
        {name: [getattr(entry, name) for entry in entries] for name in _TOLD}
        | {name: list(counts) for name, counts in standing.items()}
        | {
            "last": [entry.execution_id for entry in last],
            "last_seq": [entry.seq for entry in last],
            "running": [orjson.dumps(entry.running).decode() for entry in last],
        },
    )


def since(session: Session, *, account_id: UUID, execution_id: UUID, seq: int, limit: int) -> Told:
    """Return the entries after a number.

    :raises NotFoundError: when the account has no such execution.
    """
    # First how it stands: the last entries are written before its end, or with it.
    query = select(Execution.status).where(Execution.account_id == account_id, Execution.id == execution_id)
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
    return {"current": innermost(found.running if found else ()), "steps": counts, "attempts": retries}


def innermost(running: Iterable[str]) -> list[str]:
    """Return the places that have none of the others below them."""
    places = list(dict.fromkeys(running))
    return [one for one in places if not any(other.startswith(f"{one}/") for other in places)]


def channel(account_id: UUID | str) -> str:
    """Return the Redis channel on which streams are told that an execution of the account has gone on."""
    return f"progress:{account_id}"
