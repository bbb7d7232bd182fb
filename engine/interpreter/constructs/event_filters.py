"""Event filters: which events a listener wants, by attributes, by data, and by what belongs together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.expressions.jq import Program, parse_program
from engine.expressions.templates import fill
from engine.interpreter.constructs.event_types import _PATTERN
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import cloud_events
from engine.language.errors import FaultError
from engine.language.reader import DocumentNode
from engine.language.uri_templates import expand

URIS = ("source", "dataschema")  # URI templates, filled from the listening step's input


@dataclass(frozen=True, slots=True)
class Correlation:
    """Which value of an event ties it to others, and what it must be; None is what the first one has."""

    source: Program
    expected: Any = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One look at an event: who looks, on which input, and the values that events are held to so far."""

    interpreter: Interpreter
    data: Any
    scope: Scope
    correlated: Mapping[str, Any]

    def ask(self, asked: Program, about: Any) -> Any:
        """Evaluate on a part of an event; an expression that fails there says no, as null does.

        Events have all sorts of forms, and one that a filter was not written for is no fault of the listener.
        """
        self.interpreter.budget.filter_expressions += 1
        try:
            return self.interpreter.evaluate(asked, about, self.scope)
        except FaultError:
            return None


@dataclass(frozen=True, slots=True)
class Filter:
    """What an event must have (DSL reference, "Event Filter"), the cheapest to check first."""

    attributes: tuple[tuple[str, Any], ...]
    correlations: tuple[tuple[str, Correlation], ...] = ()

    def admit(self, event: dict[str, Any], attempt: Attempt) -> dict[str, Any] | None:
        """Return the correlations once the event is consumed, or None when it is not wanted."""
        for name, wanted in self.attributes:
            found = cloud_events.read(event, "data") if name == "data" else event.get(name)
            if not _matches(name, wanted, found, attempt):
                return None
        return self._correlate(event, attempt)

    def _correlate(self, event: dict[str, Any], attempt: Attempt) -> dict[str, Any] | None:
        correlated = dict(attempt.correlated)
        for name, correlation in self.correlations:
            value = attempt.ask(correlation.source, event)
            if value is None:
                return None
            if correlation.expected is not None:
                expected = fill(
                    correlation.expected, lambda asked: attempt.ask(asked, attempt.data)
                )
            else:
                expected = correlated.get(name, value)
            if value != expected:
                return None
            correlated[name] = value
        return correlated


def read(node: DocumentNode) -> Filter:
    """Read one filter of a consumption strategy."""
    node.allow_only("with", "correlate")
    wanted = node.require("with")
    if isinstance(wanted.value, dict) and not wanted.value:
        wanted.add_fault("must have at least one property")
    attributes = [
        (name, _read_attribute(name, wanted.child(name, value)))
        for name, value in wanted.members().items()
    ]
    correlate = node.get("correlate")
    return Filter(
        tuple(sorted(attributes, key=_cost)),
        tuple((name, _read_correlation(correlate.child(name, value, is_known=False)))
              for name, value in correlate.members().items()) if correlate else (),
    )  # fmt: skip


def _read_attribute(name: str, node: DocumentNode) -> Any:
    if name == "data":
        return node.template()
    if not isinstance(node.value, str | bool | int):
        node.add_fault("must be text, a boolean, an integer or an expression")
        return None
    wanted = node.template()
    literal = name == "time" and isinstance(wanted, str) and not _PATTERN.search(wanted)
    if literal and cloud_events.parse_time(wanted) is None:
        node.add_fault("must be an RFC 3339 time, a regular expression or an expression")
    return wanted


def _read_correlation(node: DocumentNode) -> Correlation:
    node.allow_only("from", "expect")
    expect = node.get("expect")
    return Correlation(node.require("from").program(), expect.template() if expect else None)


def _cost(attribute: tuple[str, Any]) -> int:
    name, wanted = attribute
    return 2 if name == "data" else int(isinstance(wanted, Program))


def _matches(name: str, wanted: Any, found: Any, attempt: Attempt) -> bool:
    """Tell whether an attribute is as wanted.

    An expression sees the attribute's value as its input, and the listening step's as `$input`. What it gives
    is a condition; for an attribute other than data, text is what the value must equal.
    """
    if name == "data":
        return _holds_within(wanted, found, attempt)
    if isinstance(wanted, Program):
        answer = attempt.ask(wanted, found)
        return answer is True or (
            not isinstance(answer, bool) and answer is not None and answer == found
        )
    if found is None or not isinstance(wanted, str):
        return type(wanted) is type(found) and bool(wanted == found)
    if name in URIS:
        wanted = expand(wanted, attempt.data)
    if wanted == found:
        return True
    if name == "time" and cloud_events.parse_time(wanted) is not None:
        return cloud_events.parse_time(wanted) == cloud_events.parse_time(found)
    return bool(_PATTERN.search(wanted)) and attempt.ask(_pattern(wanted), found) is True


def _holds_within(wanted: Any, found: Any, attempt: Attempt) -> bool:
    """Tell whether data is as wanted: conditions hold where they stand, objects have what is named."""
    if isinstance(wanted, Program):
        return attempt.ask(wanted, found) not in (None, False)
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and _holds_within(value, found[name], attempt)
            for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_holds_within(*pair, attempt) for pair in zip(wanted, found, strict=True))
        )
    return isinstance(wanted, bool) == isinstance(found, bool) and bool(wanted == found)


def _pattern(text: str) -> Program:
    """Return the program that tests a whole value against a regular expression, within jq's budget."""
    return parse_program(f"test({json.dumps(f'^(?:{text})$')})")
