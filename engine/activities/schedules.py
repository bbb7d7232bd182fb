"""Schedules in the worker: those that definitions ask for, and what is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from engine.config.settings import Settings
from engine.contracts import schedules as dues
from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys
from engine.errors import Fault
from engine.interpreter import documents
from engine.store.workflows import Definition
from engine.workflows.schedules import firings, recurrence, schedules, triggers
from engine.workflows.schedules.firings import Time


class ScheduleActivities:
    """Holds the database."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self._sessions = sessions
        self._settings = settings

    @activity.defn(name=dues.FIRE_DUE)
    def fire(self, due: dues.Due) -> dues.Made | None:
        """Make the execution of a time; nothing when there is none to be."""
        time = Time(
            UUID(due.account_id),
            UUID(due.schedule_id),
            datetime.fromisoformat(due.due_at),
            timedelta(seconds=due.late_seconds),
        )
        settings = self._settings
        with self._sessions.begin() as session:
            now = datetime.now(UTC)
            fired = firings.fire(
                session, time, running_max=settings.executions_per_account_max, now=now
            )
            if fired is None or fired.execution_id is None:
                return None
            definition_id = schedules.of(session, fired).definition_id
        return dues.Made(
            str(fired.execution_id), str(definition_id), settings.execution_seconds_max
        )


def too_many(
    session: Session, definition: Definition, document: dict[str, Any], *, schedules_max: int
) -> list[Fault]:
    """Return what is wrong with a definition that is one schedule too many for its account."""
    asked = recurrence.of_definition(documents.parse(document).schedule, now=definition.created_at)
    others = schedules.count(session, account_id=definition.account_id, besides=definition.id)
    if not asked or others + len(asked) <= schedules_max:
        return []
    return [Fault("/schedule", f"an account may have {schedules_max} schedules")]


def write_down(
    session: Session,
    keys: EngineKeys,
    definition: Definition,
    document: dict[str, Any],
    now: datetime,
) -> list[str]:
    """Have a document's times be schedules of the account; return the triggers that are no times."""
    schedule = documents.parse(document).schedule if document else None
    plans = recurrence.of_definition(schedule, now=now)
    triggers.write_down(
        session,
        plans,
        definition=definition,
        input_sealed=jwe.seal(next(iter(keys.keys.values())), b"null"),
        now=now,
    )
    return [name for name in (schedule.triggers() if schedule else ()) if name not in plans]
