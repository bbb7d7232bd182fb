"""Consumption strategies: one event, any, all, or any until something happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.expressions.fast_path import Literal
from engine.expressions.jq import Program, parse_program
from engine.interpreter.constructs import event_filters
from engine.interpreter.constructs.event_filters import EventFilter, EventMatcher
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode

MODES = ("one", "any", "all")
FILTERS_MAX = 64


@dataclass(slots=True)
class ConsumptionProgress:
    """How far an event consumption has come; a checkpoint stores it as JSON.

    `last_number` is the number of the last inbox event that was compared. `matches` are the indexes
    of the filters of an `all` that have their event, `until_matches` those of its `until`.
    """

    last_number: int = 0
    count: int = 0
    size: int = 0  # of the outputs, in bytes
    outputs: list[Any] = field(default_factory=list)
    correlation: dict[str, Any] = field(default_factory=dict)
    matches: list[int] = field(default_factory=list)
    until_matches: list[int] = field(default_factory=list)
    over: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the progress as an object of JSON values."""
        return {key: getattr(self, name) for key, name in _JSON_KEYS.items()}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> ConsumptionProgress:
        """Return the progress that `to_json` described; an empty object is the beginning."""
        return cls(**{_JSON_KEYS[key]: value for key, value in state.items()})


_JSON_KEYS = {
    "looked": "last_number",
    "count": "count",
    "size": "size",
    "outputs": "outputs",
    "correlated": "correlation",
    "fulfilled": "matches",
    "ending": "until_matches",
    "over": "over",
}


@dataclass(frozen=True, slots=True)
class EventConsumption:
    """Which events a listener consumes (DSL reference, "Event Consumption Strategy").

    `until` is a condition on the consumed events, or a consumption that ends this one.
    """

    mode: str
    filters: tuple[EventFilter, ...]
    until: Program | EventConsumption | None = None

    @property
    def correlates(self) -> bool:
        """Whether any of the filters correlates events."""
        return any(event_filter.correlations for event_filter in self.filters)

    @property
    def forever(self) -> bool:
        """Whether no event can end the consumption."""
        return isinstance(self.until, Program) and self.until.fast_path == Literal(value=False)

    async def consume_next(
        self, interpreter: Interpreter, data: Any, scope: Scope, progress: ConsumptionProgress
    ) -> dict[str, Any] | None:
        """Search the inbox, oldest event first; consume and return the first match, or None."""
        if self.mode == "all" and len(progress.matches) == len(self.filters):
            progress.over = True
        while (
            not progress.over
            and (item := interpreter.event_inbox.next(progress.last_number)) is not None
        ):
            progress.last_number, event = item
            await interpreter.budget.yield_after_filters()
            matcher = EventMatcher(interpreter, data, scope, progress.correlation)
            if isinstance(self.until, EventConsumption) and self.until.match(
                event, matcher, progress, progress.until_matches
            ):
                interpreter.event_inbox.consume(progress.last_number)
                progress.over = self.until.is_complete(progress.until_matches)
            elif self.match(event, matcher, progress, progress.matches):
                interpreter.event_inbox.consume(progress.last_number)
                progress.over = self.until is None and self.is_complete(progress.matches)
                return event
        return None

    def check_until(
        self, interpreter: Interpreter, scope: Scope, progress: ConsumptionProgress
    ) -> None:
        """End the consumption when the outputs meet the condition of `until`."""
        if isinstance(self.until, Program):
            progress.over = interpreter.is_true(self.until, progress.outputs, scope)

    def match(
        self,
        event: dict[str, Any],
        matcher: EventMatcher,
        progress: ConsumptionProgress,
        matches: list[int],
    ) -> bool:
        """Return whether a filter matches the event, and add that filter's index to `matches`."""
        if self.mode == "any" and not self.filters:
            return True
        for index, event_filter in enumerate(self.filters):
            if self.mode == "all" and index in matches:
                continue
            correlation = event_filter.match(event, matcher)
            if correlation is not None:
                progress.correlation = correlation
                if self.mode == "all":
                    matches.append(index)
                return True
        return False

    def is_complete(self, matches: list[int]) -> bool:
        """Return whether no further event is needed."""
        return self.mode != "all" or len(matches) == len(self.filters)


def read(node: DocumentNode, *, within_until: bool = False) -> EventConsumption:
    """Read an event consumption; inside an `until` it has no `until` of its own."""
    members = node.allow_only(*MODES, *(() if within_until else ("until",))).members()
    modes = [mode for mode in MODES if mode in members]
    if len(modes) != 1:
        node.add_fault(f"must have exactly one of {', '.join(MODES)}")
        return EventConsumption("any", ())
    mode = modes[0]
    until = node.get("until")
    if until is not None and mode != "any":
        until.add_fault("only any can have an until")
    filters_node = node.require(mode)
    filters = (
        [event_filters.read(filters_node)]
        if mode == "one"
        else [event_filters.read(item) for item in filters_node.items()]
    )
    if len(filters) > FILTERS_MAX:
        filters_node.add_fault(f"may have at most {FILTERS_MAX} filters")
    return EventConsumption(mode, tuple(filters), _read_until(until) if until else None)


def _read_until(node: DocumentNode) -> Program | EventConsumption:
    if isinstance(node.value, bool):
        return parse_program("true" if node.value else "false")
    return node.program() if isinstance(node.value, str) else read(node, within_until=True)
