"""Cron expressions as Debian's cron reads them, said in calendars as Temporal's schedules read them.

Temporal's own cron strings mean other things: a sixth field is a year, days of the month and of the week must
both match, and there is no last day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cronsim import CronSim
from temporalio.client import ScheduleCalendarSpec, ScheduleRange

FRIDAY = 5
WORKDAYS = frozenset(range(1, FRIDAY + 1))
DAYS, WEEKDAYS, MONTHS = frozenset(range(1, 32)), frozenset(range(7)), frozenset(range(1, 13))
YEARS = frozenset(range(2000, 2101))  # those that Temporal's calendars know
LEAP = frozenset(year for year in YEARS if year % 4 == 0 and (year % 100 or year % 400 == 0))
# The months of each length, and the years in which they have it.
LENGTHS = (
    (31, frozenset({1, 3, 5, 7, 8, 10, 12}), YEARS),
    (30, frozenset({4, 6, 9, 11}), YEARS),
    (29, frozenset({2}), LEAP),
    (28, frozenset({2}), YEARS - LEAP),
)


@dataclass(frozen=True, slots=True)
class Dates:
    """All dates whose day, weekday (0 is Sunday), month and year are among these."""

    days: frozenset[int] = DAYS
    weekdays: frozenset[int] = WEEKDAYS
    months: frozenset[int] = MONTHS
    years: frozenset[int] = YEARS

    def __and__(self, other: Dates) -> Dates:
        """Return the dates that are among both."""
        return Dates(
            self.days & other.days,
            self.weekdays & other.weekdays,
            self.months & other.months,
            self.years & other.years,
        )

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self.days and self.weekdays and self.months and self.years)


def of_cron(expression: str) -> list[ScheduleCalendarSpec]:
    """Return calendars that together match when a cron expression of five fields, or six, does.

    :raises cronsim.CronSimError: when it is none.
    """
    read = CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC))
    months = Dates(months=frozenset(read.months))
    by_day, by_weekday = [*_by_day(read.days)], [*_by_weekday(read.weekdays)]
    if read.day_and:
        dates = [day & weekday for day in by_day for weekday in by_weekday]
    else:
        dates = by_day + by_weekday
    return [
        ScheduleCalendarSpec(
            second=_ranges(read.seconds),
            minute=_ranges(read.minutes),
            hour=_ranges(read.hours),
            day_of_month=_ranges(found.days),
            day_of_week=_ranges(found.weekdays),
            month=_ranges(found.months),
            year=() if found.years == YEARS else _ranges(found.years),
        )
        for found in (one & months for one in dates)
        if found
    ]


def _by_day(items: Iterable[int]) -> Iterator[Dates]:
    """Yield the dates that a day-of-month field means."""
    plain = frozenset(item for item in items if item > 0)
    if plain:
        yield Dates(days=plain)
    for length, months, years in LENGTHS:
        if CronSim.LAST in items:
            yield Dates(frozenset({length}), WEEKDAYS, months, years)
        if CronSim.LAST_WEEKDAY in items:  # Friday's, when the month ends on a Saturday or Sunday
            yield Dates(frozenset({length}), WORKDAYS, months, years)
            yield Dates(frozenset({length - 1, length - 2}), frozenset({FRIDAY}), months, years)


def _by_weekday(items: Iterable[int | tuple[int, int]]) -> Iterator[Dates]:
    """Yield the dates that a day-of-week field means."""
    plain = frozenset(item % 7 for item in items if isinstance(item, int))
    if plain:
        yield Dates(weekdays=plain)
    for item in items:
        if isinstance(item, int):
            continue
        weekday, nth = frozenset({item[0] % 7}), item[1]
        if nth != CronSim.LAST:
            yield Dates(frozenset(range(7 * nth - 6, min(7 * nth, 31) + 1)), weekday)
            continue
        for length, months, years in LENGTHS:
            yield Dates(frozenset(range(length - 6, length + 1)), weekday, months, years)


def _ranges(values: Iterable[int]) -> list[ScheduleRange]:
    """Return whole numbers as few ranges."""
    found: list[tuple[int, int]] = []
    for value in sorted(values):
        if found and found[-1][1] == value - 1:
            found[-1] = (found[-1][0], value)
        else:
            found.append((value, value))
    return [ScheduleRange(first, last) for first, last in found]
