"""How Temporal's schedules follow ours: for those that have them follow."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.store import outbox
from engine.store.schedules import Schedule
from engine.workflows.schedules import schedules
from engine.workflows.schedules.schedules import AT_ONCE

FRESH = timedelta(minutes=1)  # so long Temporal's list may not yet show what it has


def there(session: Session, schedule_id: UUID) -> Schedule | None:
    """Return a schedule, whosever it is; for the relay."""
    return session.get(Schedule, schedule_id)


def followed(
    session: Session, *, account_id: UUID, schedule_id: UUID, revision: int, now: datetime
) -> bool:
    """Note that Temporal has followed a schedule, 0 for one that is no more; tell whether it still does.

    Where the row has changed meanwhile an older change may have come last: the relay makes it good.
    """
    subject = str(schedule_id)
    current = select(Schedule.revision).where(Schedule.id == schedule_id)
    session.execute(outbox.discarding(account_id=account_id, kind=outbox.FOLLOW, subject=subject))
    if (session.scalar(current) or 0) == revision:
        return True
    outbox.append(
        session,
        account_id=account_id,
        kind=outbox.FOLLOW,
        subject=subject,
        now=now,
        delay_seconds=AT_ONCE,
    )
    return False


def make_good(session: Session, known: Collection[UUID], *, now: datetime) -> int:
    """Have Temporal follow the schedules that it does not know, and return how many there are; for the relay.

    Those that are no more here are found when they are due.
    """
    fresh = now - FRESH
    missing = [
        schedule
        for schedule in session.scalars(select(Schedule).where(Schedule.updated_at < fresh))
        if schedule.id not in known
    ]
    for schedule in missing:
        schedules.follow(session, schedule, now, delay_seconds=AT_ONCE)
    return len(missing)
