"""`schedule`: the times and events that start executions of a definition."""

from __future__ import annotations

from dataclasses import replace

from engine.expressions.jq import Program
from engine.interpreter.constructs import event_consumption
from engine.language import cloud_events
from engine.language.document_node import DocumentNode
from engine.language.schedule import (
    SECONDS_MAX,
    SECONDS_MIN,
    TRIGGERS,
    ScheduleTriggers,
    check_cron,
)

# Without an execution there is no input and no context.
VARIABLES = frozenset({"runtime", "workflow"})


def read(node: DocumentNode) -> ScheduleTriggers:
    """Read a definition's schedule (DSL reference, "Schedule")."""
    members = node.allow_only(*TRIGGERS, "read").members()
    if isinstance(node.value, dict) and not members.keys() & set(TRIGGERS):
        node.add_fault(f"must have one of {', '.join(TRIGGERS)}")
    reads, on = node.get("read"), node.get("on")
    if reads is not None and on is None:
        reads.add_fault("needs on")
    return ScheduleTriggers(
        every=_read_interval(node.get("every")),
        cron=_read_cron(node.get("cron")),
        after=_read_period(node.get("after")),
        on=event_consumption.read(replace(on, variables=VARIABLES)) if on else None,
        reads=reads.one_of(*cloud_events.READS) if reads else "data",
    )


def _read_period(node: DocumentNode | None) -> float | None:
    if node is None:
        return None
    seconds = node.duration()
    if isinstance(seconds, Program):
        node.add_fault("must be a duration: there is no data yet that an expression could read")
        return None
    if not SECONDS_MIN <= seconds <= SECONDS_MAX:
        node.add_fault("must be between one second and a year")
    return seconds


def _read_interval(node: DocumentNode | None) -> float | None:
    seconds = _read_period(node)
    if node is not None and seconds is not None and not seconds.is_integer():
        node.add_fault("must be whole seconds")
    return seconds


def _read_cron(node: DocumentNode | None) -> str | None:
    if node is None:
        return None
    text = node.text()
    if problem := check_cron(text):
        node.add_fault(problem, gist=problem.partition(":")[0])
    return text
