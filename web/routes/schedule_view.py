"""Schedules as answers show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from engine.contracts.outbox_messages import ScheduleSync
from engine.errors import UnavailableError
from engine.store.account_scope import AccountScope
from engine.store.schedules import Schedule
from engine.workflows.schedules import firings
from web import delivery
from web.http import etags

RECENT_FIRINGS = 10


def view(schedule: Schedule) -> dict[str, Any]:
    """Return the members of a schedule in a list."""
    columns = {name: getattr(schedule, name) for name in schedule.__table__.c.keys()}  # noqa: SIM118
    return columns | {
        "workflow_id": schedule.definition_id,
        "origin": "client" if schedule.trigger is None else "workflow",
    }


def detail_view(scope: AccountScope, schedule: Schedule) -> dict[str, Any]:
    """Return the members of one schedule, its latest firings, and when it is due next."""
    members = view(schedule)
    recent = [
        {
            "due_at": firing.due_at,
            "execution_id": firing.execution_id,
            "status": execution and execution.status,
            "refusal": firing.refusal,
        }
        for firing, execution in firings.recent(scope.session, schedule, limit=RECENT_FIRINGS)
    ]
    scope.session.commit()  # no transaction stays open while Temporal is asked
    message = ScheduleSync(members["account_id"], members["id"])
    return members | {
        "recent": recent,
        "next_times": [] if members["paused"] else _next_times(scope, message),
    }


def etag_members(schedule: Schedule) -> tuple[str, int]:
    """Return the members of a schedule's ETag: each change changes them."""
    return str(schedule.id), schedule.revision


def etag(schedule: Schedule) -> dict[str, str]:
    """Return the ETag header."""
    return etags.make_header(*etag_members(schedule))


def _next_times(scope: AccountScope, message: ScheduleSync) -> Sequence[datetime] | None:
    """Return what Temporal says; a schedule that it has lost is created again first."""
    try:
        times = delivery.temporal().next_times(message.schedule_id)
        if times is None:
            delivery.commit_and_deliver(scope, message)
            times = delivery.temporal().next_times(message.schedule_id)
    except UnavailableError:
        return None
    return times
