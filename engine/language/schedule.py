"""Schedules of definitions (DSL reference, "Schedule"): their triggers, bounds and times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cronsim import CronSim, CronSimError

WAITING_TRIGGERS = (
    "after",
    "on",
)  # a workflow of ours waits for them; the others are Temporal schedules
TRIGGERS = ("every", "cron", *WAITING_TRIGGERS)
SECONDS_MIN = 1.0
SECONDS_MAX = 366 * 86_400
CRON_LENGTH_MAX = 256


@dataclass(frozen=True, slots=True)
class ScheduleTriggers:
    """Triggers of a definition's executions; several work side by side, each for itself.

    `every` and `after` are in seconds. `cron` is in UTC, with five fields as in Debian's cron, or
    six of which the first is seconds. It names no last day of a month.
    """

    every: float | None = None
    cron: str | None = None
    after: float | None = None
    on: object | None = None  # the interpreter's EventConsumption
    reads: str = "data"

    def triggers(self) -> Iterator[str]:
        """Yield the names of the triggers that are set."""
        yield from (name for name in TRIGGERS if getattr(self, name) is not None)


def check_cron(text: str) -> str | None:
    """Return what is wrong with a cron expression, or None."""
    if len(text) > CRON_LENGTH_MAX:
        return f"must be at most {CRON_LENGTH_MAX} characters"
    try:
        expression = CronSim(text, datetime(2026, 1, 1))  # noqa: DTZ001 - any time serves: none is shown
        next(expression)
    except CronSimError as error:
        return f"is no cron expression: {str(error)[0].lower()}{str(error)[1:]}"
    except StopIteration:
        return "never comes"
    if any(_counts_from_end(day) for day in (*expression.days, *expression.weekdays)):
        return "must name days by number: L, the last day of a month, is not supported"
    return None


def _counts_from_end(day: int | tuple[int, int]) -> bool:
    """Return whether a day is L, LW or 5L, which a Temporal schedule cannot express."""
    return (day if isinstance(day, int) else day[1]) in (CronSim.LAST, CronSim.LAST_WEEKDAY)
