"""Consumption strategies: one event, any, all, or any until something happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.expressions.fast_path import Literal
from engine.expressions.jq import Program, program
from engine.interpreter.constructs import event_filters
from engine.interpreter.constructs.event_filters import Attempt, Filter
from engine.interpreter.runtime.interpreter import Interpreter, Scope
from engine.language.reader import Node

MODES = ("one", "any", "all")
FILTERS_MAX = 64


@dataclass(slots=True)
class Standing:
    """How far a listener has come: plain data, to be carried along.

    `looked` is the number of the last event in the inbox it has seen; `fulfilled` and `ending` say which
    filters of an `all` have had their event, in the strategy itself and in its `until`.
    """

    looked: int = 0
    count: int = 0
    size: int = 0  # of the outputs, in bytes
    outputs: list[Any] = field(default_factory=list)
    correlated: dict[str, Any] = field(default_factory=dict)
    fulfilled: list[int] = field(default_factory=list)
    ending: list[int] = field(default_factory=list)
    over: bool = False

    def written(self) -> dict[str, Any]:
        """Return it as an object of JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Strategy:
    """Which events to consume (DSL reference, "Event Consumption Strategy").

    `until` is a condition on what has been consumed, or a strategy whose events end the listening.
    """

    mode: str
    filters: tuple[Filter, ...]
    until: Program | Strategy | None = None

    @property
    def correlates(self) -> bool:
        """Whether any of the filters holds events to a value."""
        return any(found.correlations for found in self.filters)

    @property
    def forever(self) -> bool:
        """Whether nothing that is consumed can end the listening."""
        return isinstance(self.until, Program) and self.until.native == Literal(value=False)

    async def sift(
        self, interpreter: Interpreter, data: Any, scope: Scope, standing: Standing
    ) -> dict[str, Any] | None:
        """Look at what has come, in its order; return the first event that is consumed, if any."""
        if self.mode == "all" and len(standing.fulfilled) == len(self.filters):
            standing.over = True
        while not standing.over and (found := interpreter.inbox.next(standing.looked)) is not None:
            standing.looked, event = found
            await interpreter.budget.look()
            attempt = Attempt(interpreter, data, scope, standing.correlated)
            if isinstance(self.until, Strategy) and self.until.take(
                event, attempt, standing, standing.ending
            ):
                interpreter.inbox.consume(standing.looked)
                standing.over = self.until.done(standing.ending)
            elif self.take(event, attempt, standing, standing.fulfilled):
                interpreter.inbox.consume(standing.looked)
                standing.over = self.until is None and self.done(standing.fulfilled)
                return event
        return None

    def conclude(self, interpreter: Interpreter, scope: Scope, standing: Standing) -> None:
        """Note whether what has been consumed is enough by the condition of `until`."""
        if isinstance(self.until, Program):
            standing.over = interpreter.holds(self.until, standing.outputs, scope)

    def take(
        self, event: dict[str, Any], attempt: Attempt, standing: Standing, fulfilled: list[int]
    ) -> bool:
        """Tell whether the event is one of those wanted, and note that it has come."""
        if self.mode == "any" and not self.filters:
            return True
        for place, wanted in enumerate(self.filters):
            if self.mode == "all" and place in fulfilled:
                continue
            correlated = wanted.admit(event, attempt)
            if correlated is not None:
                standing.correlated = correlated
                if self.mode == "all":
                    fulfilled.append(place)
                return True
        return False

    def done(self, fulfilled: list[int]) -> bool:
        """Tell whether what has come is all that is wanted."""
        return self.mode != "all" or len(fulfilled) == len(self.filters)


def read(node: Node, *, within_until: bool = False) -> Strategy:
    """Read a consumption strategy; one that stands in an `until` has none of its own."""
    members = node.only(*MODES, *(() if within_until else ("until",))).members()
    modes = [mode for mode in MODES if mode in members]
    if len(modes) != 1:
        node.fault(f"must have exactly one of {', '.join(MODES)}")
        return Strategy("any", ())
    mode = modes[0]
    until = node.get("until")
    if until is not None and mode != "any":
        until.fault("only any can have an until")
    below = node.need(mode)
    found = (
        [event_filters.read(below)]
        if mode == "one"
        else [event_filters.read(item) for item in below.items()]
    )
    if len(found) > FILTERS_MAX:
        below.fault(f"may have at most {FILTERS_MAX} filters")
    return Strategy(mode, tuple(found), _read_until(until) if until else None)


def _read_until(node: Node) -> Program | Strategy:
    if isinstance(node.value, bool):
        return program("true" if node.value else "false")
    return node.program() if isinstance(node.value, str) else read(node, within_until=True)
