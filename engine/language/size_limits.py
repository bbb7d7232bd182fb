"""How much data a step may hold, measured before anything is copied or sent, and how deep steps may stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.language.errors import fault

DATA_BYTES_MAX = 1_048_576
CONTEXT_BYTES_MAX = 4 * 1_048_576
HELD_BYTES_MAX = 32 * 1_048_576  # by all frames of a walk together
DATA_DEPTH_MAX = 200
NESTED_MAX = (
    64  # steps in one another, those of the functions they call too: each takes the stack's room
)


# A list or object of so many members is remembered with its size, and with it as many as a walk may hold.
REMEMBERED_MEMBERS_MIN = 64
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

    def together(self, values: Iterable[Any], most: int = HELD_BYTES_MAX) -> int:
        """Return how many bytes values have together, each counted once; no others are remembered then.

        :raises FaultError: of kind runtime, when it is more.
        """
        before, self._known, self._remembered = self._known, {}, 0
        rest = most
        for value in {id(value): value for value in values}.values():
            rest -= self._size(value, rest, 2 * DATA_DEPTH_MAX, before)
        return most - rest

    def size(self, value: Any, most: int = DATA_BYTES_MAX) -> int:
        """Return about how many bytes a value's JSON has.

        A template may name the same value many times, which costs nothing until it is written out: so it
        is walked as if written out, and no further than the limit.

        :raises FaultError: of kind runtime, when it is larger or deeper than it may be.
        """
        return self._size(value, most, DATA_DEPTH_MAX, self._known)

    def _size(self, value: Any, most: int, depth_max: int, remembered: dict[int, _Large]) -> int:
        rest, deepest = most, 0
        places: list[tuple[Any, int]] = [(value, 1)]
        while places:
            found, depth = places.pop()
            self.looked_at += 1
            if isinstance(found, _Large):  # all that it holds has been looked at
                self._remember(_Large(found.value, found.size - rest, deepest - depth))
                deepest = max(deepest, found.levels)
                continue
            known = remembered.get(id(found)) or self._known.get(id(found))
            if known is not None:
                self._remember(known)
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
                raise fault(
                    "runtime", f"more data than a step may hold: {most} bytes (stepDataBytes)"
                )
            if deepest > depth_max:
                raise fault("runtime", f"data nested deeper than {depth_max} (stepDataDepth)")
        return most - rest

    def _look(
        self, found: dict[str, Any] | list[Any], depth: int, places: list[tuple[Any, int]]
    ) -> int:
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
        if id(large.value) in self._known:
            return
        self._known[id(large.value)] = large
        self._remembered += large.size
        while self._remembered > HELD_BYTES_MAX:
            self._remembered -= self._known.pop(next(iter(self._known))).size


def _plain_size(value: Any) -> int:
    return len(value) + 2 if isinstance(value, str) else 4
