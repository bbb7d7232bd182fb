"""Vector clocks: parse, compare and merge them (Fidge 1988, Mattern 1989)."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any

from engine.errors import Fault, InvalidError

Clock = Mapping[str, int]  # counter by agent id; an absent agent counts 0

ENTRIES_MAX = 64
COUNTER_MAX = 2**53 - 1  # largest integer that every JSON parser reads exactly (RFC 8259 section 6)
AGENT_ID = re.compile(r"[\x21-\x7e]{1,128}")


class CausalOrder(enum.Enum):
    """Result of comparing two clocks; the order is partial."""

    EQUAL = "equal"
    DOMINATES = "dominates"
    BELOW = "below"
    CONCURRENT = "concurrent"


def parse(value: Any, pointer: str = "/vectorClock") -> dict[str, int]:
    """Return the canonical form of a clock that a client sent.

    :raises InvalidError: with the JSON pointer of each entry that is not a counter of an agent.
    """
    if not isinstance(value, dict) or not 1 <= len(value) <= ENTRIES_MAX:
        detail = f"must be an object of 1 to {ENTRIES_MAX} counters by agent id"
        raise InvalidError(
            "invalid", "The vector clock is not valid.", faults=[Fault(pointer, detail)]
        )
    counters = {agent_id: as_integer(counter) for agent_id, counter in value.items()}
    faults = [
        Fault(f"{pointer}/{agent_id.replace('~', '~0').replace('/', '~1')}", detail)
        for agent_id, counter in counters.items()
        for detail in _check_entry(agent_id, counter)
    ]
    if faults:
        raise InvalidError("invalid", "The vector clock is not valid.", faults=faults)
    return canonicalize(counters)


def canonicalize(clock: Clock) -> dict[str, int]:
    """Return the canonical form of a clock: no zeros, agents sorted by id."""
    return {agent_id: clock[agent_id] for agent_id in sorted(clock) if clock[agent_id]}


def descends(clock: Clock, other: Clock) -> bool:
    """Tell whether every counter of `clock` is at least that of `other`."""
    return all(clock.get(agent_id, 0) >= counter for agent_id, counter in other.items())


def compare(clock: Clock, other: Clock) -> CausalOrder:
    """Return the causal order of `clock` relative to `other`."""
    above, below = descends(clock, other), descends(other, clock)
    if above:
        return CausalOrder.EQUAL if below else CausalOrder.DOMINATES
    return CausalOrder.BELOW if below else CausalOrder.CONCURRENT


def merge(clock: Clock, other: Clock) -> dict[str, int]:
    """Return the least clock that descends from both clocks."""
    return canonicalize(
        {
            agent_id: max(clock.get(agent_id, 0), other.get(agent_id, 0))
            for agent_id in {*clock, *other}
        }
    )


def increment(clock: Clock, agent_id: str) -> dict[str, int]:
    """Return the clock of the next write of an agent."""
    return canonicalize({**clock, agent_id: clock.get(agent_id, 0) + 1})


def as_integer(value: Any) -> Any:
    """Return a float with an integral value as an integer, and any other value unchanged.

    2.0 is the integer 2 (JSON Schema 2020-12, core 4.2.3).
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_entry(agent_id: str, counter: Any) -> list[str]:
    details = []
    if not AGENT_ID.fullmatch(agent_id):
        details.append("an agent id is 1 to 128 visible ASCII characters")
    if type(counter) is not int or not 0 <= counter <= COUNTER_MAX:
        details.append(f"a counter is an integer from 0 to {COUNTER_MAX}")
    return details
