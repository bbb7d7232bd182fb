"""Outbox messages as typed values: a kind, an account, and a subject with one text form.

`subject` writes the text that the outbox row stores and `parse` reads it; no other module joins or
splits subjects. They hold ids alone, at most 64 characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self
from uuid import UUID

from engine.contracts.workflow_ids import VersionReference


@dataclass(frozen=True, slots=True)
class Message:
    """Message of an account: something that must reach Temporal, Dramatiq or the relay."""

    kind: ClassVar[str]
    account_id: UUID

    @property
    def subject(self) -> str:
        """Return the text that the outbox row stores."""
        return str(self.account_id)

    @classmethod
    def parse(cls, account_id: UUID, subject: str) -> Self:
        """Return the message of a row.

        :raises ValueError: when the subject is none of this kind.
        """
        if subject != str(account_id):
            raise ValueError(f"The outbox subject is none of {cls.kind}.")
        return cls(account_id)


@dataclass(frozen=True, slots=True)
class AccountErasure(Message):
    """Delete what Temporal stores of an account, whose rows are deleted."""

    kind: ClassVar[str] = "account.erase"


@dataclass(frozen=True, slots=True)
class StateChange(Message):
    """Notify an account's agents of changed states; the rows of a burst are delivered at once."""

    kind: ClassVar[str] = "sync.changed"
    state_type: str

    @property
    def subject(self) -> str:
        """Return the type of the changed states."""
        return self.state_type

    @classmethod
    def parse(cls, account_id: UUID, subject: str) -> Self:
        """Return the message of a row."""
        return cls(account_id, subject)


@dataclass(frozen=True, slots=True)
class SecurityNotice(Message):
    """Notify an account's agents of an event of its audit log."""

    kind: ClassVar[str] = "account.security"
    event_id: UUID

    @property
    def subject(self) -> str:
        """Return the audit event's id."""
        return str(self.event_id)

    @classmethod
    def parse(cls, account_id: UUID, subject: str) -> Self:
        """Return the message of a row.

        :raises ValueError: when the subject is no id.
        """
        return cls(account_id, UUID(subject))


@dataclass(frozen=True, slots=True)
class VersionMessage(Message):
    """Message about one version of a definition."""

    version: VersionReference

    @property
    def subject(self) -> str:
        """Return `<uuid>`, and from the second version on `<uuid>:<version>`."""
        return str(self.version)

    @classmethod
    def parse(cls, account_id: UUID, subject: str) -> Self:
        """Return the message of a row.

        :raises ValueError: when the subject names no version.
        """
        return cls(account_id, VersionReference.parse(subject))


@dataclass(frozen=True, slots=True)
class VersionCheck(VersionMessage):
    """Check a version of a definition."""

    kind: ClassVar[str] = "definition.check"


@dataclass(frozen=True, slots=True)
class TriggersEnd(VersionMessage):
    """End the workflows that await the triggers of a version, because another one replaces it."""

    kind: ClassVar[str] = "definition.unschedule"


@dataclass(frozen=True, slots=True)
class ExecutionMessage(Message):
    """Message about one execution."""

    execution_id: UUID

    @property
    def subject(self) -> str:
        """Return the execution's id."""
        return str(self.execution_id)

    @classmethod
    def parse(cls, account_id: UUID, subject: str) -> Self:
        """Return the message of a row.

        :raises ValueError: when the subject is no id.
        """
        return cls(account_id, UUID(subject))


@dataclass(frozen=True, slots=True)
class ExecutionLaunch(ExecutionMessage):
    """Start the workflow of an execution."""

    kind: ClassVar[str] = "execution.start"


@dataclass(frozen=True, slots=True)
class ExecutionCancellation(ExecutionMessage):
    """Cancel the workflow of an execution, so that it cleans up and ends."""

    kind: ClassVar[str] = "execution.cancel"


@dataclass(frozen=True, slots=True)
class ExecutionTermination(ExecutionMessage):
    """Terminate the workflow of an execution."""

    kind: ClassVar[str] = "execution.terminate"


@dataclass(frozen=True, slots=True)
class ExecutionErasure(ExecutionMessage):
    """Delete the workflow of an execution, whose row is deleted, with its history."""

    kind: ClassVar[str] = "execution.forget"


@dataclass(frozen=True, slots=True)
class ExecutionPause(Message):
    """Pause or resume an execution, as its row says; each change has a number and a message."""

    kind: ClassVar[str] = "execution.hold"
    execution_id: UUID
    number: int  # counts the changes between paused and not, from 1

    @property
    def subject(self) -> str:
        """Return `<uuid>:<number>`."""
        return f"{self.execution_id}:{self.number}"

    @classmethod
    def parse(cls, account_id: UUID, subject: str) -> Self:
        """Return the message of a row.

        :raises ValueError: when the subject has another form.
        """
        execution_id, _, number = subject.partition(":")
        return cls(account_id, UUID(execution_id), int(number))


@dataclass(frozen=True, slots=True)
class ScheduleSync(Message):
    """Make Temporal's schedule follow a row of schedules; a row that is gone deletes it."""

    kind: ClassVar[str] = "schedule.follow"
    schedule_id: UUID

    @property
    def subject(self) -> str:
        """Return the schedule's id."""
        return str(self.schedule_id)

    @classmethod
    def parse(cls, account_id: UUID, subject: str) -> Self:
        """Return the message of a row.

        :raises ValueError: when the subject is no id.
        """
        return cls(account_id, UUID(subject))


@dataclass(frozen=True, slots=True)
class Backfill(Message):
    """Start what a schedule was due for between two times, both inclusive, one after the other."""

    kind: ClassVar[str] = "schedule.backfill"
    schedule_id: UUID
    since: int  # seconds since 1970
    until: int

    @property
    def subject(self) -> str:
        """Return `<uuid>.<since>.<until>`, all in hexadecimal digits."""
        return f"{self.schedule_id.hex}.{self.since:x}.{self.until:x}"

    @classmethod
    def parse(cls, account_id: UUID, subject: str) -> Self:
        """Return the message of a row.

        :raises ValueError: when the subject has another form.
        """
        schedule_id, since, until = subject.split(".")
        return cls(account_id, UUID(schedule_id), int(since, 16), int(until, 16))


@dataclass(frozen=True, slots=True)
class BulkWork(Message):
    """Work on a bulk job."""

    kind: ClassVar[str] = "bulk.work"
    job_id: UUID

    @property
    def subject(self) -> str:
        """Return the job's id."""
        return str(self.job_id)

    @classmethod
    def parse(cls, account_id: UUID, subject: str) -> Self:
        """Return the message of a row.

        :raises ValueError: when the subject is no id.
        """
        return cls(account_id, UUID(subject))


# What `engine.workflows.temporal_delivery` delivers to Temporal, for web and for the relay.
TemporalMessage = (
    VersionCheck
    | TriggersEnd
    | ExecutionLaunch
    | ExecutionCancellation
    | ExecutionTermination
    | ExecutionErasure
    | ExecutionPause
    | ScheduleSync
    | Backfill
)
TEMPORAL_KINDS: Mapping[str, type[TemporalMessage]] = {
    message.kind: message
    for message in (
        *(VersionCheck, TriggersEnd, ExecutionLaunch, ExecutionCancellation),
        *(ExecutionTermination, ExecutionErasure, ExecutionPause, ScheduleSync, Backfill),
    )
}
KINDS: Mapping[str, type[Message]] = {
    message.kind: message for message in (StateChange, SecurityNotice, AccountErasure, BulkWork)
} | dict(TEMPORAL_KINDS)
