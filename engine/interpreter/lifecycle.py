"""Lifecycle events: what happens to a workflow and its steps, told to those of the account who listen for it.

DSL, "Lifecycle Events". The types that somebody listens for are known when an execution is opened; without
any, nothing is told and nothing is written down. What becomes of the execution itself is told by what opens
and settles it. Nothing suspends executions or steps, so that they are neither suspended nor resumed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from engine.interpreter.definition import Step
from engine.interpreter.faults import Problem
from engine.interpreter.post import Post
from engine.interpreter.world import World, moment

PREFIX = "io.serverlessworkflow."
WORKFLOW = ("started", "correlation-started", "correlation-completed", "cancelled", "faulted", "completed")
TASK = ("created", "started", "retried", "cancelled", "faulted", "completed")
TYPES = (
    *(f"{PREFIX}workflow.{phase}.v1" for phase in (*WORKFLOW, "status-changed")),
    *(f"{PREFIX}task.{phase}.v1" for phase in (*TASK, "status-changed")),
)
# The status phase that a happening brings about (DSL, "Status Phases").
STATUSES = {
    "created": "pending",
    "started": "running",
    "cancelled": "cancelled",
    "faulted": "faulted",
    "completed": "completed",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The execution that is told about, by the names its definition gives itself."""

    name: str  # qualified: of the execution, and the namespace
    definition: Mapping[str, str]
    source: str

    @classmethod
    def of(cls, document: Any, execution_id: str) -> Subject:
        """Return the subject for a document that was accepted."""
        header = document.get("document") if isinstance(document, dict) else None
        header = header if isinstance(header, dict) else {}
        names = {name: str(header.get(name, "")) for name in ("name", "namespace", "version")}
        return cls(
            f"{names['name']}-{execution_id}.{names['namespace']}",
            names,
            f"/{names['namespace']}/{names['name']}/{names['version']}",
        )


def events(
    subject: Subject, scope: str, phase: str, at: str, heard: Collection[str], **data: Any
) -> list[dict[str, Any]]:
    """Return what is told of one happening, as far as it is heard: the event, and that the status changed."""
    named = {"name": subject.name} if scope == "workflow" else {"workflow": subject.name}
    told = {phase: named | data | {_stamped(phase): at}}
    if phase in STATUSES:
        task = {"task": data["task"]} if "task" in data else {}
        told["status-changed"] = named | task | {"updatedAt": at, "status": STATUSES[phase]}
    return [
        {"specversion": "1.0", "type": kind, "source": subject.source, "time": at, "data": about}
        for name, about in told.items()
        if (kind := f"{PREFIX}{scope}.{name}.v1") in heard
    ]


@dataclass(slots=True)
class Herald:
    """Tells what happens in a walk; without listeners it does nothing."""

    subject: Subject
    heard: frozenset[str]
    post: Post
    world: World

    def began(self, step: Step) -> None:
        """Tell that a step whose condition holds is there, and runs."""
        self._tell("task", "created", task=step.pointer)
        self._tell("task", "started", task=step.pointer)

    def retried(self, step: Step | None) -> None:
        """Tell that what a step tries is tried again."""
        if step is not None:
            self._tell("task", "retried", task=step.pointer)

    def completed(self, step: Step) -> None:
        """Tell that a step ran to its end."""
        self._tell("task", "completed", task=step.pointer)

    def cancelled(self, step: Step) -> None:
        """Tell that a step was stopped by what surrounds it."""
        self._tell("task", "cancelled", task=step.pointer)

    def faulted(self, step: Step, problem: Problem) -> None:
        """Tell that a step failed, and with what."""
        self._tell("task", "faulted", task=step.pointer, error=problem.shown())

    def correlating(self) -> None:
        """Tell that events are being held to each other."""
        self._tell("workflow", "correlation-started")

    def correlated(self, keys: Mapping[str, Any]) -> None:
        """Tell which values they had in common."""
        self._tell("workflow", "correlation-completed", correlationKeys=dict(keys))

    def _tell(self, scope: str, phase: str, **data: Any) -> None:
        if not self.heard:
            return
        at = moment(self.world.now())["iso8601"]
        for event in events(self.subject, scope, phase, at, self.heard, **data):
            self.post.put({"id": self.world.uuid(), **event}, lifecycle=True)


def _stamped(phase: str) -> str:
    """Return the member that says when."""
    return {"correlation-started": "startedAt", "correlation-completed": "completedAt"}.get(
        phase, f"{phase}At"
    )
