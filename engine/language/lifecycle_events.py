"""TODO."""

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


def _stamped(phase: str) -> str:
    """Return the member that says when."""
    return {"correlation-started": "startedAt", "correlation-completed": "completedAt"}.get(
        phase, f"{phase}At"
    )
