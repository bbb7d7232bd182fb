"""Schedules as they are told, and Temporal made to follow them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from flask import current_app

from engine.config.settings import Settings
from engine.errors import UnavailableError
from engine.store.schedules import Schedule
from engine.workflows.schedules import firings, temporal_schedules, temporal_sync
from engine.workflows.schedules.temporal_schedules import Followed
from web.extensions import db
from web.http import etags
from web.temporal_client import Temporal

RECENT = 10


def told(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule as it is listed."""
    told = {name: getattr(schedule, name) for name in schedule.__table__.c.keys()}  # noqa: SIM118
    return told | {
        "workflow_id": schedule.definition_id,
        "origin": "client" if schedule.trigger is None else "workflow",
    }


def looked_at(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule as it stands: what came of it lately, and when it is due next."""
    known = told(schedule)
    recent = [
        {
            "due_at": firing.due_at,
            "execution_id": firing.execution_id,
            "status": execution and execution.status,
            "refusal": firing.refusal,
        }
        for firing, execution in firings.recent(db.session(), schedule, limit=RECENT)
    ]
    db.session.commit()  # no transaction stands open while Temporal is asked
    return known | {
        "recent": recent,
        "next_times": [] if known["paused"] else _next_times(schedule),
    }


def _next_times(schedule: Schedule) -> Sequence[datetime] | None:
    """Ask Temporal; a schedule that it has lost is made again."""
    schedule_id = schedule.id
    try:
        found = _temporal().ask(lambda client: temporal_schedules.next_times(client, schedule_id))
        if found is None:
            follow(schedule)
            found = _temporal().ask(
                lambda client: temporal_schedules.next_times(client, schedule_id)
            )
    except UnavailableError:
        return None
    return found


def follow(schedule: Schedule) -> None:
    """Have Temporal follow a schedule that has been committed."""
    settings: Settings = current_app.extensions["settings"]
    carry(temporal_schedules.of(schedule, execution_seconds_max=settings.execution_seconds_max))


def carry(wanted: Followed) -> None:
    """Have Temporal follow at once if it is there; else the relay does."""
    try:
        _temporal().ask(lambda client: temporal_schedules.follow(client, wanted))
    except UnavailableError:
        structlog.get_logger().info("schedule_left_to_relay", schedule=str(wanted.schedule_id))
        return
    temporal_sync.followed(
        db.session(),
        account_id=wanted.account_id,
        schedule_id=wanted.schedule_id,
        revision=wanted.revision,
        now=datetime.now(UTC),
    )
    db.session.commit()


def version(schedule: Schedule) -> tuple[str, int]:
    """Return what changes with each change."""
    return str(schedule.id), schedule.revision


def tagged(schedule: Schedule) -> dict[str, str]:
    """Return the ETag header."""
    return etags.make_header(*version(schedule))


def _temporal() -> Temporal:
    door: Temporal = current_app.extensions["temporal"]
    return door
