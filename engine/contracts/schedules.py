"""What passes when a schedule or another trigger of a definition is due: between workflows and activities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FIRING = "schedule.fire"  # workflow type; id fire:<uuid of the schedule>-<time>
FIRE_DUE = "fire_due"  # local activity: Due → Made, or None

Json = Any  # what json.loads gives


@dataclass(frozen=True, slots=True)
class FiringStart:
    """The argument of a firing: ids only, for it stands in Temporal's schedule as it is."""

    schedule_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Due:
    """A time at which a schedule is due, and by how much nobody could work on it."""

    schedule_id: str
    account_id: str
    due_at: str  # RFC 3339
    late_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Made:
    """An execution that may start, and how long it may last."""

    execution_id: str
    definition_id: str
    seconds_max: int


@dataclass(frozen=True, slots=True)
class Firing:
    """An execution that shall be: its id, and the events it runs on."""

    execution_id: str
    definition_id: str
    account_id: str
    input: Json = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Fired:
    """An execution that may start, and how long it may last."""

    seconds_max: int
