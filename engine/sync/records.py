"""Writing states: the clock alone decides, and what is refused as concurrent is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from engine.errors import ConflictError, Fault, InvalidError, TooLargeError
from engine.store import outbox
from engine.store.models import SyncHead, SyncState
from engine.sync import counters, feed, siblings, stamp
from engine.sync.change import Change
from engine.sync.judgement import judge
from engine.sync.siblings import Sibling


@dataclass(frozen=True, slots=True)
class Push:
    """How a push ended: accepted (or a repeat of what was), or a refusal to be told once committed."""

    version: str
    accepted: bool
    refusal: ConflictError | None = None


def push(
    session: Session,
    *,
    account_id: UUID,
    agent_id: str,
    change: Change,
    now: datetime,
    state_bytes_max: int = 1_048_576,
    strict: bool = False,
) -> Push:
    """Accept a change that dominates the current version; refuse any other, keeping what is concurrent.

    The caller commits in either case: a refusal may have kept a sibling.

    :raises TooLargeError: when the data is larger than `state_bytes_max`.
    :raises InvalidError: `clock_jump`; `clock_without_agent`, when clocks must count their own agent.
    """
    if len(change.encrypted_data.encode()) > state_bytes_max:
        raise TooLargeError("state_too_large", f"A state may have {state_bytes_max} bytes.")
    if strict and agent_id not in change.clock:
        faults = [Fault("/vectorClock", "must have an entry for the pushing agent")]
        raise InvalidError("clock_without_agent", "The clock does not count its own agent.", faults=faults)
    current = _lock(session, account_id, change)
    kept = siblings.of(session, account_id, change.type, change.entity_id) if current else []
    verdict = judge(session, account_id, agent_id, change=change, current=current, kept=kept)
    if verdict == "repeat":
        return Push(change.version, accepted=True)
    if verdict == "conflict":
        kept = siblings.keep(session, account_id, agent_id, change=change, kept=kept, now=now)
    if verdict in {None, "conflict"} and agent_id in change.clock:
        counters.see(session, account_id, agent_id, change.clock[agent_id])
    if verdict is not None:
        version = "" if current is None else current.version
        return Push(version, accepted=False, refusal=_refuse(verdict, version, current, kept))
    siblings.clear(session, kept=kept, covered=change.clock)
    outbox.append(
        session, account_id=account_id, kind=outbox.CHANGED, subject=change.type, now=now, delay_seconds=0
    )
    _write(session, account_id, agent_id, change, now)
    return Push(change.version, accepted=True)


def _lock(session: Session, account_id: UUID, change: Change) -> SyncState | None:
    """Return the entity's current version, locked against other writers, or lock its absence."""
    query = (
        select(SyncState)
        .where(
            SyncState.account_id == account_id,
            SyncState.type == change.type,
            SyncState.entity_id == change.entity_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    current = session.scalars(query).one_or_none()
    if current is None:
        # There is no row to lock yet: the first writers of an entity queue here, and look again.
        name = f"{account_id}/{change.type}/{change.entity_id}"
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
        current = session.scalars(query).one_or_none()
    return current


DETAILS = {
    "clock_reused": "This agent has used this clock for other content: it was cloned or restored.",
    "unknown_causality": "The clock counts what nobody has pushed here: pull, and push under what you find.",
    "stale": "The current version is newer: pull, merge, and push under a clock that dominates it.",
    "conflict": "The current version is concurrent: merge it with yours, and push under a clock over both.",
}


def _refuse(code: str, version: str, current: SyncState | None, kept: Sequence[Sibling]) -> ConflictError:
    """Build the refusal that carries all an agent needs to merge in one trip."""
    told: dict[str, Any] = {
        "success": False,
        "version": version,
        "current": None if current is None else feed.told(current, kept),
        "siblings": [one.told() for one in kept],
    }
    return ConflictError(code, DETAILS[code], extra=told)


def _write(session: Session, account_id: UUID, agent_id: str, change: Change, now: datetime) -> None:
    """Take the account's next stamp and write the version under it: the last statement before commit.

    The head's row stays locked until the commit. So the account's stamps become visible in their
    order: whoever reads one can never later find a smaller one that was still on its way. A clock or
    a sequence alone cannot promise that.
    """
    tick = stamp.of(now)
    head = (
        insert(SyncHead)
        .values(account_id=account_id, stamp=tick, horizon=0)
        .on_conflict_do_update(
            index_elements=[SyncHead.account_id], set_={"stamp": func.greatest(tick, SyncHead.stamp + 1)}
        )
        .returning(SyncHead.stamp)
        .cte("head")
    )
    key = {"account_id": account_id, "type": change.type, "entity_id": change.entity_id}
    values = {
        "version": literal(change.version),
        "clock": literal(dict(change.clock), JSONB),
        "encrypted_data": literal(change.encrypted_data),
        "agent_id": literal(agent_id),
        "deleted": literal(change.deleted),
        "stamp": head.c.stamp,
    }
    columns = {name: literal(value) for name, value in key.items()} | values
    statement = insert(SyncState).from_select(list(columns), select(*columns.values()))
    session.flush()
    session.execute(
        statement.on_conflict_do_update(
            index_elements=list(key), set_={name: statement.excluded[name] for name in values}
        )
    )
