"""How much data a step may hold, measured before anything is copied or sent, and how deep steps may stand."""

from __future__ import annotations

from typing import Any

from engine.interpreter.faults import fault

DATA_BYTES_MAX = 1_048_576
CONTEXT_BYTES_MAX = 4 * 1_048_576
DATA_DEPTH_MAX = 200
NESTED_MAX = 64  # steps in one another, those of the functions they call too: each takes the stack's room


def bound(value: Any, most: int = DATA_BYTES_MAX) -> Any:
    """Return the value if its JSON is within the limits.

    A template may name the same value many times, which costs nothing until it is written out: so it
    is walked as if written out, and no further than the limit.

    :raises FaultError: of kind runtime, when it is larger or deeper.
    """
    rest = most
    places: list[tuple[Any, int]] = [(value, 1)]
    while places:
        found, depth = places.pop()
        rest -= len(found) + 2 if isinstance(found, str) else 4
        if isinstance(found, dict):
            rest -= sum(len(name) + 4 for name in found)
            places += [(member, depth + 1) for member in found.values()]
        elif isinstance(found, list):
            places += [(item, depth + 1) for item in found]
        if rest < 0:
            raise fault("runtime", f"more data than a step may hold: {most} bytes (stepDataBytes)")
        if depth > DATA_DEPTH_MAX:
            raise fault("runtime", f"data nested deeper than {DATA_DEPTH_MAX} (stepDataDepth)")
    return value
