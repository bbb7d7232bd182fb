"""The clock's cases: what a pushed clock means beside what the account has seen.

In this order:

1. equal to the current clock, same content: a repeat
2. equal to a kept clock with other content, or an own counter used before and not below: `clock_reused`
3. another agent's counter that nobody has seen: `unknown_causality`
4. an own counter far ahead: `clock_jump`
5. dominating: accepted; 6. below: `stale`; 7. concurrent: `conflict`, and kept

A clock without an entry for the pushing agent says nothing that 3, 4 or the second half of 2 could judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from uuid import UUID

from sqlalchemy.orm import Session

from engine.errors import Fault, InvalidError
from engine.store.models import SyncState
from engine.sync import clock, counters
from engine.sync.change import Change
from engine.sync.clock import Order
from engine.sync.siblings import Sibling

JUMP_MAX = 100_000


def judge(
    session: Session,
    account_id: UUID,
    agent_id: str,
    *,
    change: Change,
    current: SyncState | None,
    kept: Sequence[Sibling],
) -> str | None:
    """Return why a change must be refused, "repeat" when it is already there, or nothing.

    :raises InvalidError: `clock_jump`.
    """
    known = {} if current is None else current.clock
    order = clock.compare(change.clock, known)
    if current is not None and order is Order.EQUAL:
        return "repeat" if change.says(current) else "clock_reused"
    if order is Order.BELOW:
        return "stale"
    twin = next((one for one in kept if clock.compare(change.clock, one.clock) is Order.EQUAL), None)
    if twin is not None:
        return "conflict" if change.says(twin) else "clock_reused"
    if agent_id in change.clock:
        refusal = _count(session, account_id, agent_id, change, known, kept)
        if refusal is not None:
            return refusal
    return "conflict" if order is Order.CONCURRENT else None


def _count(
    session: Session,
    account_id: UUID,
    agent_id: str,
    change: Change,
    known: clock.Clock,
    kept: Sequence[Sibling],
) -> str | None:
    """Judge the counters: one's own must be new and near, the others' must have been seen."""
    joined = reduce(clock.merge, (one.clock for one in kept), dict(known))
    if change.clock[agent_id] <= joined.get(agent_id, 0):
        return "clock_reused"  # the agent was cloned, or restored from a backup
    seen = _seen(session, account_id, agent_id, change, known)
    if any(count > seen.get(agent, 0) for agent, count in change.clock.items() if agent != agent_id):
        return "unknown_causality"
    if change.clock[agent_id] - seen.get(agent_id, 0) > JUMP_MAX:
        pointer = f"/vectorClock/{agent_id.replace('~', '~0').replace('/', '~1')}"
        detail = f"is more than {JUMP_MAX} ahead of what this agent was ever seen to use"
        raise InvalidError("clock_jump", "The clock has jumped.", faults=[Fault(pointer, detail)])
    return None


def _seen(
    session: Session, account_id: UUID, agent_id: str, change: Change, known: clock.Clock
) -> clock.Clock:
    """Return what was seen of the agents; asked for only where the entity's own clock says too little."""
    ahead = [agent for agent, count in change.clock.items() if count > known.get(agent, 0)]
    if ahead == [agent_id] and change.clock[agent_id] - known.get(agent_id, 0) <= JUMP_MAX:
        return known
    return clock.merge(dict(known), counters.of(session, account_id, ahead))
