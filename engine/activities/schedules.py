"""Activity that fires due schedules, and the schedules of a definition's document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from engine.config.settings import Settings
from engine.contracts.schedules import FIRE_DUE, DueExecution, DueFiring
from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys
from engine.errors import ConflictError, Fault
from engine.language.schedule import ScheduleTriggers
from engine.observability import metrics
from engine.store.account_scope import AccountScope
from engine.store.workflows import Definition
from engine.workflows.executions.executions import ExecutionLimits
from engine.workflows.schedules import firings, recurrence, schedules, triggers
from engine.workflows.schedules.firings import DueTime

log = structlog.get_logger()


class ScheduleActivities:
    """Activities of schedules."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self._sessions = sessions
        self._settings = settings

    @activity.defn(name=FIRE_DUE)
    def fire(self, due: DueFiring) -> DueExecution | None:
        """Store the execution of a due time; return None when the time starts none.

        Whoever reaches Temporal may start a firing: it starts nothing at a time of his choice.
        """
        time = DueTime(
            UUID(due.schedule_id),
            datetime.fromisoformat(due.due_at),
            timedelta(seconds=due.late_seconds),
        )
        settings = self._settings
        with self._sessions.begin() as session:
            scope = AccountScope(session, UUID(due.account_id), datetime.now(UTC))
            try:
                firing = firings.fire(scope, time, limits=ExecutionLimits.from_settings(settings))
            except ConflictError as error:
                metrics.COMMAND_REFUSALS.labels("row").inc()
                log.warning("command_refused", reason=error.code, schedule=due.schedule_id)
                return None
            if firing is None or firing.execution_id is None:
                return None
            definition_id = schedules.of_firing(session, firing).definition_id
        return DueExecution(
            str(firing.execution_id), str(definition_id), settings.execution_seconds_max
        )


def find_excess(
    scope: AccountScope,
    definition: Definition,
    schedule: ScheduleTriggers | None,
    *,
    schedules_max: int,
) -> list[Fault]:
    """Return a fault when a definition exceeds its account's number of schedules."""
    plans = recurrence.of_definition(schedule, now=definition.created_at)
    others = schedules.count(scope, besides=definition.id)
    if not plans or others + len(plans) <= schedules_max:
        return []
    return [Fault("/schedule", f"an account may have {schedules_max} schedules")]


def store_schedules(
    scope: AccountScope,
    keys: EngineKeys,
    definition: Definition,
    schedule: ScheduleTriggers | None,
) -> list[str]:
    """Store a definition's times as schedules of the account; return its other triggers."""
    plans = recurrence.of_definition(schedule, now=scope.now)
    input_jwe = jwe.seal(next(iter(keys.keys.values())), b"null")
    triggers.store_schedules(scope, plans, definition=definition, input_jwe=input_jwe)
    return [name for name in (schedule.triggers() if schedule else ()) if name not in plans]
