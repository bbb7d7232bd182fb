"""Cron expressions as Debian's cron reads them, translated to calendars of Temporal schedules.

Temporal's own cron strings mean other things: a sixth field is a year, and days of the month and of
the week must both match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from cronsim import CronSim
from temporalio.client import ScheduleCalendarSpec, ScheduleRange

DAYS, WEEKDAYS = frozenset(range(1, 32)), frozenset(range(7))  # weekday 0 is Sunday


def of_cron(expression: str) -> list[ScheduleCalendarSpec]:
    """Return calendars that together match when a cron expression of five fields, or six, does.

    :raises cronsim.CronSimError: when it is none.
    """
    read = CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC))
    days = frozenset(day for day in read.days if day in DAYS)
    by_weekday = [*_by_weekday(read.weekdays)]
    if read.day_and:
        dates = [(days & nth, weekdays) for nth, weekdays in by_weekday]
    else:
        dates = [(days, WEEKDAYS), *by_weekday]
    return [
        ScheduleCalendarSpec(
            second=_ranges(read.seconds),
            minute=_ranges(read.minutes),
            hour=_ranges(read.hours),
            day_of_month=_ranges(among),
            day_of_week=_ranges(weekdays),
            month=_ranges(read.months),
        )
        for among, weekdays in dates
        if among
    ]


def matches(expression: str, at: datetime) -> bool:
    """Return whether a calendar of the expression has a local time, as Temporal reads it."""
    return any(
        _has(calendar.second, at.second)
        and _has(calendar.minute, at.minute)
        and _has(calendar.hour, at.hour)
        and _has(calendar.day_of_month, at.day)
        and _has(calendar.day_of_week, at.isoweekday() % 7)
        and _has(calendar.month, at.month)
        for calendar in of_cron(expression)
    )


def _has(ranges: Iterable[ScheduleRange], value: int) -> bool:
    return any(each.start <= value <= each.end for each in ranges)


def _by_weekday(
    items: Iterable[int | tuple[int, int]],
) -> Iterator[tuple[frozenset[int], frozenset[int]]]:
    """Yield the days of the month and the weekdays that a day-of-week field means together."""
    plain = frozenset(item % 7 for item in items if isinstance(item, int))
    if plain:
        yield DAYS, plain
    for item in items:
        if not isinstance(item, int):
            weekday, nth = item  # the second Friday is the one from the 8th to the 14th
            yield DAYS & frozenset(range(7 * nth - 6, 7 * nth + 1)), frozenset({weekday % 7})


def _ranges(values: Iterable[int]) -> list[ScheduleRange]:
    """Return whole numbers as few ranges."""
    ranges: list[tuple[int, int]] = []
    for value in sorted(values):
        if ranges and ranges[-1][1] == value - 1:
            ranges[-1] = (ranges[-1][0], value)
        else:
            ranges.append((value, value))
    return [ScheduleRange(first, last) for first, last in ranges]
