"""Ids of Temporal workflows and schedules as typed values with one text form each.

`str(value)` writes the text and `parse` reads it; no other module joins or splits these texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeVar
from uuid import UUID

T = TypeVar("T")
UUID_CHARACTERS = 36


@dataclass(frozen=True, slots=True)
class VersionReference:
    """Version of a definition: `<uuid>` for the first one, `<uuid>:<version>` for a later one."""

    definition_id: UUID
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no version.

        :raises ValueError: for a version below 1.
        """
        if self.version < 1:
            raise ValueError("Versions are counted from 1.")

    def __str__(self) -> str:
        """Return the text form."""
        number = "" if self.version == 1 else f":{self.version}"
        return f"{self.definition_id}{number}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        :raises ValueError: for any other text.
        """
        definition_id, _, version = text.partition(":")
        return _exact(cls(UUID(definition_id), int(version or 1)), text)


@dataclass(frozen=True, slots=True)
class ExecutionWorkflowId:
    """Id of an execution's workflow: `execution:<uuid>`; an execution never has another one."""

    execution_id: UUID

    def __str__(self) -> str:
        """Return the text form."""
        return f"execution:{self.execution_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        :raises ValueError: for any other text.
        """
        return _exact(cls(UUID(text.partition(":")[2])), text)


@dataclass(frozen=True, slots=True)
class CheckWorkflowId:
    """Id of the workflow that checks a definition's version: `definition:<uuid>[:<version>]`."""

    reference: VersionReference

    def __str__(self) -> str:
        """Return the text form."""
        return f"definition:{self.reference}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        :raises ValueError: for any other text.
        """
        return _exact(cls(VersionReference.parse(text.partition(":")[2])), text)


@dataclass(frozen=True, slots=True)
class TriggerWorkflowId:
    """Id of the workflow of a version's trigger: `schedule:<uuid>:<trigger>[:<version>]`."""

    reference: VersionReference
    trigger: str  # every | cron | after | on

    def __str__(self) -> str:
        """Return the text form."""
        number = "" if self.reference.version == 1 else f":{self.reference.version}"
        return f"schedule:{self.reference.definition_id}:{self.trigger}{number}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        :raises ValueError: for any other text.
        """
        _, definition_id, trigger, *version = text.split(":")
        reference = VersionReference(UUID(definition_id), int(version[0]) if version else 1)
        return _exact(cls(reference, trigger), text)


@dataclass(frozen=True, slots=True)
class ReadingWorkflowId:
    """Id of a workflow that reads an outcome or previews a definition: `read:<uuid>`."""

    reading_id: UUID

    def __str__(self) -> str:
        """Return the text form."""
        return f"read:{self.reading_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        :raises ValueError: for any other text.
        """
        return _exact(cls(UUID(text.partition(":")[2])), text)


@dataclass(frozen=True, slots=True)
class FiringWorkflowId:
    """Id of workflows that a Temporal schedule starts: `fire:<uuid>`; Temporal adds the time."""

    schedule_id: UUID

    def __str__(self) -> str:
        """Return the text form."""
        return f"fire:{self.schedule_id}"

    @classmethod
    def parse_run(cls, text: str) -> Self:
        """Read the id of a workflow that the schedule has started.

        :raises ValueError: for any other text.
        """
        value = cls(UUID(text.partition(":")[2][:UUID_CHARACTERS]))
        if not text.startswith(f"{value}-"):
            raise ValueError("The text is no id of this kind.")
        return value


@dataclass(frozen=True, slots=True)
class TemporalScheduleId:
    """Id of the Temporal schedule that follows a row of schedules: `schedule:<uuid>`."""

    schedule_id: UUID

    def __str__(self) -> str:
        """Return the text form."""
        return f"schedule:{self.schedule_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        :raises ValueError: for any other text.
        """
        return _exact(cls(UUID(text.partition(":")[2])), text)


WorkflowId = ExecutionWorkflowId | CheckWorkflowId | TriggerWorkflowId


def parse(text: str) -> WorkflowId | None:
    """Return the workflow id of an execution, a check or a trigger; None for every other text."""
    for kind in (ExecutionWorkflowId, CheckWorkflowId, TriggerWorkflowId):
        try:
            return kind.parse(text)
        except ValueError:
            continue
    return None


def parse_execution(text: str) -> UUID | None:
    """Return the execution whose workflow has this id; None for every other text."""
    try:
        return ExecutionWorkflowId.parse(text).execution_id
    except ValueError:
        return None


def _exact(value: T, text: str) -> T:
    """Return the value when the text is exactly its form: UUID() reads other forms too."""
    if str(value) != text:
        raise ValueError("The text is no id of this kind.")
    return value


def find_command_target(workflow_id: str) -> str:
    """Return the id that commands to a workflow name; Temporal makes the ids of firings."""
    try:
        return str(FiringWorkflowId.parse_run(workflow_id))
    except ValueError:
        return workflow_id
