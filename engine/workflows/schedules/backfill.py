"""Backfill of a schedule: how many executions a stretch of time makes, and the bound of it."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from engine.errors import Fault, InvalidError
from engine.workflows.schedules.recurrence import Plan, due

BACKFILLED_MAX = 1_000  # the length of Temporal's queue


def count_due(plan: Plan, *, counted_from: datetime, since: datetime, until: datetime) -> int:
    """Return at how many times of a plan a backfill would execute.

    :raises InvalidError: `backfill_too_long`, past BACKFILLED_MAX; `backfill_invalid`, for none.
    """
    if since >= until:
        fault = Fault("/until", "must be after since")
        raise InvalidError("backfill_invalid", "There is nothing to make up for.", faults=[fault])
    times = due(plan, counted_from=counted_from, since=since, until=until)
    count = sum(1 for _ in islice(times, BACKFILLED_MAX + 1))
    if count > BACKFILLED_MAX:
        detail = f"A backfill may make {BACKFILLED_MAX} executions: ask for a shorter time."
        fault = Fault("/since", "is too long before until")
        raise InvalidError("backfill_too_long", detail, faults=[fault])
    return count
