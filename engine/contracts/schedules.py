"""Firings of schedules and of other triggers: workflow types, activities, arguments and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.contracts.commands import Command
from engine.contracts.json_value import Json

FIRING = "schedule.fire"  # workflow type; its id is a FiringWorkflowId and the time
FIRE_DUE = "fire_due"  # local activity: DueFiring → DueExecution, or None
SCHEDULE = "schedule"  # workflow type; its id is a TriggerWorkflowId
OPEN_SCHEDULE = "open_schedule"  # local activity: TriggerStart → TriggerDocument, or None
FIRE_SCHEDULE = "fire_schedule"  # local activity: TriggerFiring → TriggerExecution, or None


@dataclass(frozen=True, slots=True)
class FiringStart(Command):
    """Argument of a firing: ids only, because Temporal's schedule stores it as it is."""

    command: ClassVar[str] = FIRING
    schedule_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class DueFiring(Command):
    """Time at which a schedule is due, and by how much its workflow came too late."""

    command: ClassVar[str] = FIRING
    schedule_id: str
    account_id: str
    due_at: str  # RFC 3339
    late_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DueExecution:
    """Execution that a firing may start, and how long it may last."""

    execution_id: str
    definition_id: str
    seconds_max: int


@dataclass(frozen=True, slots=True)
class TriggerStart:
    """Argument of a trigger's workflow: ids, the trigger, and the state of the run before."""

    definition_id: str
    account_id: str
    trigger: str  # after | on
    standing: dict[str, Json] | None = None  # state of what it listens for
    inbox: dict[str, Json] | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class TriggerDocument:
    """Document of a trigger, in plaintext: worker memory and encrypted history only."""

    document: dict[str, Json]


@dataclass(frozen=True, slots=True)
class TriggerFiring:
    """Execution that a trigger starts: its id, and the events that are its input."""

    execution_id: str
    definition_id: str
    account_id: str
    input: Json = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class TriggerExecution:
    """Execution that a trigger may start: how long it may last, or that there is no room for it."""

    seconds_max: int
    is_refused: bool = False
