"""Conflict rules: compare the clock of a pushed change with the clocks that the account has stored.

The rules apply in this order:

1. equal to the current clock, with the same content: "repeat"
2. equal to a stored clock with other content: `clock_reused`;
   the same when the agent used its counter before and the clock is not below the current one
3. a counter of another agent that nobody has pushed: `unknown_causality`
4. a counter of the pushing agent that is far ahead: `clock_jump`
5. above the current clock: accepted
6. below the current clock: `stale`
7. concurrent with the current clock: `conflict`, and stored as a sibling

Rules 3, 4 and the second half of 2 apply to clocks with an entry for the pushing agent.
"""

from __future__ import annotations

from functools import reduce

from engine.errors import Fault, InvalidError
from engine.sync import clock
from engine.sync.change import Change
from engine.sync.clock import CausalOrder, Clock
from engine.sync.locked_state import LockedEntity

JUMP_MAX = 100_000


def judge(agent_id: str, change: Change, entity: LockedEntity, counters: Clock) -> str | None:
    """Return the code of a refusal, "repeat" when the version is stored already, or nothing.

    `counters` holds the highest counter that each agent in the change's clock ever pushed.

    :raises InvalidError: `clock_jump`.
    """
    current = entity.current
    order = clock.compare(change.clock, entity.clock)
    if current is not None and order is CausalOrder.EQUAL:
        return "repeat" if change.has_content_of(current) else "clock_reused"
    if order is CausalOrder.BELOW:
        return "stale"
    for sibling in entity.siblings:
        if clock.compare(change.clock, sibling.clock) is CausalOrder.EQUAL:
            return "conflict" if change.has_content_of(sibling) else "clock_reused"
    if agent_id in change.clock:
        refusal = _judge_counters(agent_id, change, entity, counters)
        if refusal is not None:
            return refusal
    return "conflict" if order is CausalOrder.CONCURRENT else None


def _judge_counters(
    agent_id: str, change: Change, entity: LockedEntity, counters: Clock
) -> str | None:
    """Apply rules 2 to 4: the agent's counter is new and near, all others were pushed before."""
    own = change.clock[agent_id]
    join = reduce(clock.merge, (sibling.clock for sibling in entity.siblings), dict(entity.clock))
    if own <= join.get(agent_id, 0):
        return "clock_reused"  # the agent was cloned, or restored from a backup
    highest = clock.merge(join, counters)
    if any(
        counter > highest.get(other_id, 0)
        for other_id, counter in change.clock.items()
        if other_id != agent_id
    ):
        return "unknown_causality"
    if own - highest.get(agent_id, 0) > JUMP_MAX:
        pointer = f"/vectorClock/{agent_id.replace('~', '~0').replace('/', '~1')}"
        detail = f"is more than {JUMP_MAX} above the highest counter that this agent has pushed"
        raise InvalidError(
            "clock_jump", "The agent's counter is too far ahead.", faults=[Fault(pointer, detail)]
        )
    return None
