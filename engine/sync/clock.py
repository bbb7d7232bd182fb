"""Vector clocks: who has seen how much of whom (Fidge 1988, Mattern 1989)."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any

from engine.errors import Fault, InvalidError

Clock = Mapping[str, int]  # agent id → counter; an absent agent counts 0

ENTRIES_MAX = 64
COUNTER_MAX = 2**53 - 1  # the largest integer every JSON reader keeps exactly (RFC 8259 section 6)
AGENT_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Order(enum.Enum):
    """How one clock stands to another; the order is partial."""

    EQUAL = "equal"
    DOMINATES = "dominates"
    BELOW = "below"
    CONCURRENT = "concurrent"


def parse(value: Any, pointer: str = "/vectorClock") -> dict[str, int]:
    """Return the clock a client sent, without its zeros.

    :raises InvalidError: naming each entry that is none.
    """
    if not isinstance(value, dict) or not 1 <= len(value) <= ENTRIES_MAX:
        detail = f"must be an object of 1 to {ENTRIES_MAX} counters by agent id"
        raise InvalidError("invalid", "The clock cannot be read.", faults=[Fault(pointer, detail)])
    counters = {agent_id: integral(counter) for agent_id, counter in value.items()}
    faults = [
        Fault(f"{pointer}/{agent_id.replace('~', '~0').replace('/', '~1')}", detail)
        for agent_id, counter in counters.items()
        for detail in _complaints(agent_id, counter)
    ]
    if faults:
        raise InvalidError("invalid", "The clock cannot be read.", faults=faults)
    return canonical(counters)


def canonical(clock: Clock) -> dict[str, int]:
    """Return the one form of a clock: no zeros, agents in the order of their ids."""
    return {agent_id: clock[agent_id] for agent_id in sorted(clock) if clock[agent_id]}


def descends(clock: Clock, other: Clock) -> bool:
    """Tell whether all that `other` has seen, `clock` has seen."""
    return all(clock.get(agent_id, 0) >= counter for agent_id, counter in other.items())


def compare(clock: Clock, other: Clock) -> Order:
    """Return how `clock` stands to `other`."""
    above, below = descends(clock, other), descends(other, clock)
    if above:
        return Order.EQUAL if below else Order.DOMINATES
    return Order.BELOW if below else Order.CONCURRENT


def merge(clock: Clock, other: Clock) -> dict[str, int]:
    """Return the join: the least clock that descends from both."""
    return canonical(
        {
            agent_id: max(clock.get(agent_id, 0), other.get(agent_id, 0))
            for agent_id in {*clock, *other}
        }
    )


def increment(clock: Clock, agent_id: str) -> dict[str, int]:
    """Return the clock of the agent's next write."""
    return canonical({**clock, agent_id: clock.get(agent_id, 0) + 1})


def integral(value: Any) -> Any:
    """Return a number that is an integer by its value, however it is written, as one; all else as it is.

    2.0 is 2 (JSON Schema 2020-12, core 4.2.3).
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _complaints(agent_id: str, counter: Any) -> list[str]:
    complaints = []
    if not AGENT_ID.fullmatch(agent_id):
        complaints.append("an agent id is 1 to 128 visible ASCII characters")
    if type(counter) is not int or not 0 <= counter <= COUNTER_MAX:
        complaints.append(f"a counter is an integer from 0 to {COUNTER_MAX}")
    return complaints
