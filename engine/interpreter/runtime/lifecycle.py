"""Lifecycle events: what happens to a workflow and its steps, told to those of the account who listen for it.

DSL, "Lifecycle Events". The types that somebody listens for are known when an execution is opened; without
any, nothing is told and nothing is written down. What becomes of the execution itself is told by what opens
and settles it. Nothing suspends executions or steps, so that they are neither suspended nor resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.interpreter.runtime.environment import Environment, moment
from engine.interpreter.runtime.event_outbox import Post
from engine.language.errors import Problem
from engine.language.lifecycle_events import Subject, events
from engine.language.model import Task


@dataclass(slots=True)
class Herald:
    """Tells what happens in a walk; without listeners it does nothing."""

    subject: Subject
    heard: frozenset[str]
    post: Post
    environment: Environment

    def began(self, task: Task) -> None:
        """Tell that a step whose condition holds is there, and runs."""
        self._tell("task", "created", task=task.pointer)
        self._tell("task", "started", task=task.pointer)

    def retried(self, task: Task | None) -> None:
        """Tell that what a step tries is tried again."""
        if task is not None:
            self._tell("task", "retried", task=task.pointer)

    def completed(self, task: Task) -> None:
        """Tell that a step ran to its end."""
        self._tell("task", "completed", task=task.pointer)

    def cancelled(self, task: Task) -> None:
        """Tell that a step was stopped by what surrounds it."""
        self._tell("task", "cancelled", task=task.pointer)

    def faulted(self, task: Task, problem: Problem) -> None:
        """Tell that a step failed, and with what."""
        self._tell("task", "faulted", task=task.pointer, error=problem.shown())

    def correlating(self) -> None:
        """Tell that events are being held to each other."""
        self._tell("workflow", "correlation-started")

    def correlated(self, keys: Mapping[str, Any]) -> None:
        """Tell which values they had in common."""
        self._tell("workflow", "correlation-completed", correlationKeys=dict(keys))

    def _tell(self, scope: str, phase: str, **data: Any) -> None:
        if not self.heard:
            return
        at = moment(self.environment.now())["iso8601"]
        for event in events(self.subject, scope, phase, at, self.heard, **data):
            self.post.put({"id": self.environment.uuid(), **event}, lifecycle=True)
