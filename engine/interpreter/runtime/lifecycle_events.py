"""Lifecycle events of tasks, for the account's subscriptions (DSL, "Lifecycle Events").

The activity that opens an execution states which event types the account subscribes to. Without
subscriptions no event is made. The activities that open and settle an execution emit the
execution's own events. Nothing suspends a task, so no event of suspension or resumption exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.interpreter.runtime.environment import Environment, date_time
from engine.interpreter.runtime.event_outbox import EventOutbox
from engine.language.errors import ProblemDetails
from engine.language.lifecycle_events import Subject, create_events
from engine.language.model import Task


@dataclass(slots=True)
class LifecycleEvents:
    """Emitter of lifecycle events, of those types that the account subscribes to."""

    subject: Subject
    event_types: frozenset[str]
    event_outbox: EventOutbox
    environment: Environment

    def emit_started(self, task: Task) -> None:
        """Emit that a task was created and started: its condition holds."""
        self._emit("task", "created", task=task.pointer)
        self._emit("task", "started", task=task.pointer)

    def emit_retried(self, task: Task | None) -> None:
        """Emit that a `try` task runs its tasks again."""
        if task is not None:
            self._emit("task", "retried", task=task.pointer)

    def emit_completed(self, task: Task) -> None:
        """Emit that a task completed."""
        self._emit("task", "completed", task=task.pointer)

    def emit_cancelled(self, task: Task) -> None:
        """Emit that a surrounding task or the execution cancelled a task."""
        self._emit("task", "cancelled", task=task.pointer)

    def emit_faulted(self, task: Task, problem: ProblemDetails) -> None:
        """Emit that a task failed, with its error."""
        self._emit("task", "faulted", task=task.pointer, error=problem.to_json())

    def emit_correlation_started(self) -> None:
        """Emit that a task began to correlate events."""
        self._emit("workflow", "correlation-started")

    def emit_correlation_completed(self, keys: Mapping[str, Any]) -> None:
        """Emit which values the correlated events have in common."""
        self._emit("workflow", "correlation-completed", correlationKeys=dict(keys))

    def _emit(self, scope: str, phase: str, **data: Any) -> None:
        if not self.event_types:
            return
        at = date_time(self.environment.now())["iso8601"]
        for event in create_events(self.subject, scope, phase, at, self.event_types, **data):
            self.event_outbox.add({"id": self.environment.uuid(), **event}, lifecycle=True)
