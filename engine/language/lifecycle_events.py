"""Lifecycle events of executions and tasks as CloudEvents (DSL, "Lifecycle Events")."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "io.serverlessworkflow."
WORKFLOW = (
    "started",
    "correlation-started",
    "correlation-completed",
    "cancelled",
    "faulted",
    "completed",
)
TASK = ("created", "started", "retried", "cancelled", "faulted", "completed")
TYPES = (
    *(f"{PREFIX}workflow.{phase}.v1" for phase in (*WORKFLOW, "status-changed")),
    *(f"{PREFIX}task.{phase}.v1" for phase in (*TASK, "status-changed")),
)
# The status that an execution or a task has after an event of this phase (DSL, "Status Phases").
STATUSES = {
    "created": "pending",
    "started": "running",
    "cancelled": "cancelled",
    "faulted": "faulted",
    "completed": "completed",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The execution that an event is about, by the names in its definition."""

    name: str  # <definition>-<execution id>.<namespace>
    definition: Mapping[str, str]
    source: str

    @classmethod
    def of(cls, document: Any, execution_id: str) -> Subject:
        """Return the subject for an execution of a valid document."""
        header = document.get("document") if isinstance(document, dict) else None
        header = header if isinstance(header, dict) else {}
        names = {name: str(header.get(name, "")) for name in ("name", "namespace", "version")}
        return cls(
            f"{names['name']}-{execution_id}.{names['namespace']}",
            names,
            f"/{names['namespace']}/{names['name']}/{names['version']}",
        )


def create_events(
    subject: Subject, scope: str, phase: str, at: str, event_types: Collection[str], **data: Any
) -> list[dict[str, Any]]:
    """Return the events of one change, as far as their types are in `event_types`.

    They are the event of the phase itself and, where the status changes with it, `status-changed`.
    """
    workflow = {"name": subject.name} if scope == "workflow" else {"workflow": subject.name}
    members = {phase: workflow | data | {_time_member(phase): at}}
    if phase in STATUSES:
        task = {"task": data["task"]} if "task" in data else {}
        status = {"updatedAt": at, "status": STATUSES[phase]}
        members["status-changed"] = workflow | task | status
    return [
        {
            "specversion": "1.0",
            "type": event_type,
            "source": subject.source,
            "time": at,
            "data": event_data,
        }
        for name, event_data in members.items()
        if (event_type := f"{PREFIX}{scope}.{name}.v1") in event_types
    ]


def _time_member(phase: str) -> str:
    """Return the member of an event's data that has the time."""
    return {"correlation-started": "startedAt", "correlation-completed": "completedAt"}.get(
        phase, f"{phase}At"
    )
