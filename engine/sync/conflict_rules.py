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

from functools import reduce

from engine.errors import Fault, InvalidError
from engine.sync import clock
from engine.sync.change import Change
from engine.sync.clock import Clock, Order
from engine.sync.locked_state import Standing

JUMP_MAX = 100_000


def judge(agent_id: str, change: Change, standing: Standing, seen: Clock) -> str | None:
    """Return why a change must be refused, "repeat" when it is already there, or nothing.

    `seen` has the highest counters of the agents that the clock names, by what they ever pushed.

    :raises InvalidError: `clock_jump`.
    """
    current = standing.current
    order = clock.compare(change.clock, standing.clock)
    if current is not None and order is Order.EQUAL:
        return "repeat" if change.says(current) else "clock_reused"
    if order is Order.BELOW:
        return "stale"
    equals = (one for one in standing.kept if clock.compare(change.clock, one.clock) is Order.EQUAL)
    twin = next(equals, None)
    if twin is not None:
        return "conflict" if change.says(twin) else "clock_reused"
    if agent_id in change.clock:
        refusal = _count(agent_id, change, standing, seen)
        if refusal is not None:
            return refusal
    return "conflict" if order is Order.CONCURRENT else None


def _count(agent_id: str, change: Change, standing: Standing, seen: Clock) -> str | None:
    """Judge the counters: one's own must be new and near, the others' must have been seen."""
    own = change.clock[agent_id]
    joined = reduce(clock.merge, (one.clock for one in standing.kept), dict(standing.clock))
    if own <= joined.get(agent_id, 0):
        return "clock_reused"  # the agent was cloned, or restored from a backup
    seen = clock.merge(joined, seen)
    if any(
        count > seen.get(agent, 0) for agent, count in change.clock.items() if agent != agent_id
    ):
        return "unknown_causality"
    if own - seen.get(agent_id, 0) > JUMP_MAX:
        pointer = f"/vectorClock/{agent_id.replace('~', '~0').replace('/', '~1')}"
        detail = f"is more than {JUMP_MAX} ahead of what this agent was ever seen to use"
        raise InvalidError("clock_jump", "The clock has jumped.", faults=[Fault(pointer, detail)])
    return None
