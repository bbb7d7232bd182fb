"""Limits of the data in an execution, measured before anything is copied or sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.language.errors import fault

DATA_BYTES_MAX = 1_048_576
CONTEXT_BYTES_MAX = 4 * 1_048_576
HELD_BYTES_MAX = 32 * 1_048_576  # of all frames of an execution together
DATA_DEPTH_MAX = 200
# Tasks inside one another, including those of called functions: each needs room on the stack.
NESTED_MAX = 64

# Lists and objects with at least so many members are remembered, up to HELD_BYTES_MAX together.
REMEMBERED_MEMBERS_MIN = 64
_PLAIN = {str, int, float, bool, type(None)}


@dataclass(frozen=True, slots=True)
class _Large:
    """Size and depth of a large list or object.

    While its members are visited, it stores instead the rest of the limit and the depth before
    them.
    """

    value: Any
    size: int
    levels: int


@dataclass(slots=True)
class SizeMeter:
    """Meter of values' sizes; it visits a large value once, though many tasks pass it on."""

    visits: int = 0  # of values; eight plain values in one list or object count as one
    _large_values: dict[int, _Large] = field(default_factory=dict)
    _large_size: int = 0

    def total_size(self, values: Iterable[Any], most: int = HELD_BYTES_MAX) -> int:
        """Return how many bytes values have together, each counted once.

        Afterwards the meter remembers these values alone.

        :raises FaultError: of kind runtime, when it is more than `most`.
        """
        before, self._large_values, self._large_size = self._large_values, {}, 0
        rest = most
        for value in {id(value): value for value in values}.values():
            rest -= self._size(value, rest, 2 * DATA_DEPTH_MAX, before)
        return most - rest

    def size(self, value: Any, most: int = DATA_BYTES_MAX) -> int:
        """Return about how many bytes a value's JSON has.

        A template may name one value many times, which costs memory only when it is written as
        JSON. So the meter counts the value each time, and stops at the limit.

        :raises FaultError: of kind runtime, when it is larger than `most` or nested too deeply.
        """
        return self._size(value, most, DATA_DEPTH_MAX, self._large_values)

    def _size(self, value: Any, most: int, depth_max: int, previous: dict[int, _Large]) -> int:
        rest, deepest = most, 0
        stack: list[tuple[Any, int]] = [(value, 1)]
        while stack:
            current, depth = stack.pop()
            self.visits += 1
            if isinstance(current, _Large):  # all its members were visited
                self._remember(_Large(current.value, current.size - rest, deepest - depth))
                deepest = max(deepest, current.levels)
                continue
            large = previous.get(id(current)) or self._large_values.get(id(current))
            if large is not None:
                self._remember(large)
                rest, deepest = rest - large.size, max(deepest, depth + large.levels)
            elif isinstance(current, dict | list):
                if len(current) >= REMEMBERED_MEMBERS_MIN:
                    stack.append((_Large(current, rest, deepest), depth))
                    deepest = 0
                rest -= 4 + self._visit_members(current, depth, stack)
                deepest = max(deepest, depth + bool(current))
            else:
                rest, deepest = rest - _plain_size(current), max(deepest, depth)
            if rest < 0:
                raise fault(
                    "runtime", f"more data than a step may hold: {most} bytes (stepDataBytes)"
                )
            if deepest > depth_max:
                raise fault("runtime", f"data nested deeper than {depth_max} (stepDataDepth)")
        return most - rest

    def _visit_members(
        self, value: dict[str, Any] | list[Any], depth: int, stack: list[tuple[Any, int]]
    ) -> int:
        """Return the size of member names, and of the members if all are plain.

        Otherwise put the members on the stack.
        """
        members = value.values() if isinstance(value, dict) else value
        size = sum(map(len, value)) + 4 * len(value) if isinstance(value, dict) else 0
        types = set(map(type, members))
        if types - _PLAIN:
            stack += [(member, depth + 1) for member in members]
            return size
        self.visits += len(value) // 8
        texts = [member for member in members if isinstance(member, str)] if str in types else []
        return size + sum(map(len, texts)) + 4 * len(value) - 2 * len(texts)

    def _remember(self, large: _Large) -> None:
        if id(large.value) in self._large_values:
            return
        self._large_values[id(large.value)] = large
        self._large_size += large.size
        while self._large_size > HELD_BYTES_MAX:
            self._large_size -= self._large_values.pop(next(iter(self._large_values))).size


def is_deeper_than(value: Any, depth_max: int) -> bool:
    """Tell whether lists and objects are nested deeper than `depth_max`."""
    stack = [(value, 1)]
    while stack:
        current, depth = stack.pop()
        if not isinstance(current, dict | list):
            continue
        if depth > depth_max:
            return True
        members = current.values() if isinstance(current, dict) else current
        stack += [(member, depth + 1) for member in members if isinstance(member, dict | list)]
    return False


def _plain_size(value: Any) -> int:
    return len(value) + 2 if isinstance(value, str) else 4
