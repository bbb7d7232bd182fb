"""Event filters: conditions on the attributes and data of events, and correlations of events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.expressions.jq import Program, parse_program
from engine.expressions.templates import fill
from engine.interpreter.constructs.event_types import PATTERN_CHARACTERS
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import cloud_events
from engine.language.document_node import DocumentNode
from engine.language.errors import FaultError
from engine.language.uri_templates import expand

URIS = ("source", "dataschema")  # URI templates; the input of the listening task fills them


@dataclass(frozen=True, slots=True)
class Correlation:
    """Value of an event that must equal an expected one; None expects the first event's value."""

    source: Program
    expectation: Any = None


@dataclass(frozen=True, slots=True)
class EventMatcher:
    """Evaluation of filters for one listener, with its input and the correlation values so far."""

    interpreter: Interpreter
    data: Any
    scope: Scope
    correlation: Mapping[str, Any]

    def evaluate(self, program: Program, value: Any) -> Any:
        """Return the output of an expression for a part of an event, or None when it fails.

        Events have many forms; an event that a filter does not foresee is no error of the listener.
        """
        self.interpreter.budget.filter_expressions += 1
        try:
            return self.interpreter.evaluate(program, value, self.scope)
        except FaultError:
            return None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Conditions on an event (DSL reference, "Event Filter"), the cheapest first."""

    attributes: tuple[tuple[str, Any], ...]
    correlations: tuple[tuple[str, Correlation], ...] = ()

    def match(self, event: dict[str, Any], matcher: EventMatcher) -> dict[str, Any] | None:
        """Return the correlation values including this event's, or None when it does not match."""
        for name, condition in self.attributes:
            value = cloud_events.read(event, "data") if name == "data" else event.get(name)
            if not _matches(name, condition, value, matcher):
                return None
        return self._correlate(event, matcher)

    def _correlate(self, event: dict[str, Any], matcher: EventMatcher) -> dict[str, Any] | None:
        values = dict(matcher.correlation)
        for name, correlation in self.correlations:
            value = matcher.evaluate(correlation.source, event)
            if value is None:
                return None
            if correlation.expectation is not None:
                expectation = fill(
                    correlation.expectation,
                    lambda program: matcher.evaluate(program, matcher.data),
                )
            else:
                expectation = values.get(name, value)
            if value != expectation:
                return None
            values[name] = value
        return values


def read(node: DocumentNode) -> EventFilter:
    """Read one filter of a consumption strategy."""
    node.allow_only("with", "correlate")
    conditions = node.require("with")
    if isinstance(conditions.value, dict) and not conditions.value:
        conditions.add_fault("must have at least one property")
    attributes = [
        (name, _read_attribute(name, conditions.child(name, value)))
        for name, value in conditions.members().items()
    ]
    correlate = node.get("correlate")
    return EventFilter(
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
    condition = node.template()
    is_literal = isinstance(condition, str) and not PATTERN_CHARACTERS.search(condition)
    if name == "time" and is_literal and cloud_events.parse_time(condition) is None:
        node.add_fault("must be an RFC 3339 time, a regular expression or an expression")
    return condition


def _read_correlation(node: DocumentNode) -> Correlation:
    node.allow_only("from", "expect")
    expect = node.get("expect")
    return Correlation(node.require("from").program(), expect.template() if expect else None)


def _cost(attribute: tuple[str, Any]) -> int:
    name, condition = attribute
    return 2 if name == "data" else int(isinstance(condition, Program))


def _matches(name: str, condition: Any, value: Any, matcher: EventMatcher) -> bool:
    """Return whether the value of an attribute meets the condition.

    An expression has the attribute's value as its input, and the listening task's input as
    `$input`. Its output is a condition; for an attribute other than data, it may also be the text
    that the value must equal.
    """
    if name == "data":
        return _data_matches(condition, value, matcher)
    if isinstance(condition, Program):
        output = matcher.evaluate(condition, value)
        return output is True or (
            not isinstance(output, bool) and output is not None and output == value
        )
    if value is None or not isinstance(condition, str):
        return type(condition) is type(value) and bool(condition == value)
    if name in URIS:
        condition = expand(condition, matcher.data)
    if condition == value:
        return True
    if name == "time" and cloud_events.parse_time(condition) is not None:
        return cloud_events.parse_time(condition) == cloud_events.parse_time(value)
    return (
        bool(PATTERN_CHARACTERS.search(condition))
        and matcher.evaluate(_full_match(condition), value) is True
    )


def _data_matches(condition: Any, value: Any, matcher: EventMatcher) -> bool:
    """Return whether data meets the conditions at every place that they name."""
    if isinstance(condition, Program):
        return matcher.evaluate(condition, value) not in (None, False)
    if isinstance(condition, dict):
        return isinstance(value, dict) and all(
            name in value and _data_matches(member, value[name], matcher)
            for name, member in condition.items()
        )
    if isinstance(condition, list):
        return (
            isinstance(value, list)
            and len(value) == len(condition)
            and all(_data_matches(*pair, matcher) for pair in zip(condition, value, strict=True))
        )
    return isinstance(condition, bool) == isinstance(value, bool) and bool(condition == value)


def _full_match(text: str) -> Program:
    """Return the program that tests a whole value against a regular expression, in jq's budget."""
    return parse_program(f"test({json.dumps(f'^(?:{text})$')})")
