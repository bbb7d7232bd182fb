"""How much data a step may hold, measured before anything is copied or sent, and how deep steps may stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.interpreter.faults import fault

DATA_BYTES_MAX = 1_048_576
CONTEXT_BYTES_MAX = 4 * 1_048_576
DATA_DEPTH_MAX = 200
NESTED_MAX = 64  # steps in one another, those of the functions they call too: each takes the stack's room


# A list or object of so many members is remembered with its size, up to so many bytes of them in a walk.
REMEMBERED_MEMBERS_MIN = 64
REMEMBERED_BYTES_MAX = CONTEXT_BYTES_MAX
_PLAIN = {str, int, float, bool, type(None)}


@dataclass(frozen=True, slots=True)
class _Large:
    """A large list or object; while it is looked at, what was left and seen before."""

    value: Any
    size: int
    levels: int


@dataclass(slots=True)
class Measure:
    """Says how large values are; the same large ones flow through many steps, and are looked at once."""

    looked_at: int = 0  # values, where plain ones that stand together count for an eighth
    _known: dict[int, _Large] = field(default_factory=dict)
    _remembered: int = 0

    def bound(self, value: Any, most: int = DATA_BYTES_MAX) -> Any:
        """Return the value if its JSON is within the limits.

        A template may name the same value many times, which costs nothing until it is written out: so it
        is walked as if written out, and no further than the limit.

        :raises FaultError: of kind runtime, when it is larger or deeper.
        """
        rest, deepest = most, 0
        places: list[tuple[Any, int]] = [(value, 1)]
        while places:
            found, depth = places.pop()
            self.looked_at += 1
            if isinstance(found, _Large):  # all that it holds has been looked at
                self._remember(_Large(found.value, found.size - rest, deepest - depth))
                deepest = max(deepest, found.levels)
                continue
            known = self._known.get(id(found))
            if known is not None and known.value is found:
                rest, deepest = rest - known.size, max(deepest, depth + known.levels)
            elif isinstance(found, dict | list):
                if len(found) >= REMEMBERED_MEMBERS_MIN:
                    places.append((_Large(found, rest, deepest), depth))
                    deepest = 0
                rest -= 4 + self._look(found, depth, places)
                deepest = max(deepest, depth + bool(found))
            else:
                rest, deepest = rest - _plain_size(found), max(deepest, depth)
            if rest < 0:
                raise fault("runtime", f"more data than a step may hold: {most} bytes (stepDataBytes)")
            if deepest > DATA_DEPTH_MAX:
                raise fault("runtime", f"data nested deeper than {DATA_DEPTH_MAX} (stepDataDepth)")
        return value

    def _look(self, found: dict[str, Any] | list[Any], depth: int, places: list[tuple[Any, int]]) -> int:
        """Return the size of names and of members if all are plain; otherwise these are to be looked at."""
        members = found.values() if isinstance(found, dict) else found
        size = sum(map(len, found)) + 4 * len(found) if isinstance(found, dict) else 0
        kinds = set(map(type, members))
        if kinds - _PLAIN:
            places += [(member, depth + 1) for member in members]
            return size
        self.looked_at += len(found) // 8
        texts = [member for member in members if isinstance(member, str)] if str in kinds else []
        return size + sum(map(len, texts)) + 4 * len(found) - 2 * len(texts)

    def _remember(self, large: _Large) -> None:
        self._known[id(large.value)] = large
        self._remembered += large.size
        while self._remembered > REMEMBERED_BYTES_MAX:
            self._remembered -= self._known.pop(next(iter(self._known))).size


def _plain_size(value: Any) -> int:
    return len(value) + 2 if isinstance(value, str) else 4
