"""Plans of schedules: parsed from a client's request, and the times at which they are due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim

from engine.errors import Fault, InvalidError
from engine.language import durations
from engine.language.schedule import SECONDS_MAX, SECONDS_MIN, ScheduleTriggers, check_cron
from engine.workflows.schedules import cron

OVERLAPS = ("skip", "buffer_one", "allow_all", "cancel_other", "terminate_other")
CATCHUP_SECONDS_MIN = 10  # Temporal takes no less
CATCHUP_SECONDS = 86_400
AHEAD = timedelta(days=366 * 50)
POINTERS = {"catchup_window": "/catchupWindow"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Times at which a schedule is due, and the rules for overlapping and missed ones.

    One of `every`, in seconds, and `cron` is set; `start_at` and `end_at` are inclusive.
    """

    every: int | None = None
    cron: str | None = None
    timezone: str = "UTC"
    start_at: datetime | None = None
    end_at: datetime | None = None
    overlap: str = "skip"
    catchup_seconds: int = CATCHUP_SECONDS
    jitter_seconds: int = 0
    note: str | None = None


def read(members: Mapping[str, Any], before: Plan | None = None) -> Plan:
    """Return the plan that a client asks for; members that it does not send stay as `before`.

    :raises InvalidError: `schedule_invalid`, with a pointer for each fault.
    """
    plan, faults = before or Plan(), list[Fault]()
    values = {name: getattr(plan, name) for name in Plan.__slots__}
    if members.get("every") is not None or members.get("cron") is not None:
        values |= {"every": None, "cron": None}
    seconds = {"every": "every", "catchup_window": "catchup_seconds", "jitter": "jitter_seconds"}
    least = {"every": int(SECONDS_MIN), "catchup_window": CATCHUP_SECONDS_MIN, "jitter": 0}
    for name, value in members.items():
        if name not in seconds:
            values[name] = value
        elif value is not None:
            try:
                values[seconds[name]] = _seconds(value, least[name])
            except ValueError as error:
                faults.append(Fault(POINTERS.get(name, f"/{name}"), str(error)))
    new_plan = Plan(**values)
    every_faulty = any(fault.pointer == "/every" for fault in faults)
    if not every_faulty and (new_plan.every is None) == (new_plan.cron is None):
        faults.append(Fault("", "must have one of every and cron"))
    faults += _faults(new_plan)
    if faults:
        raise InvalidError("schedule_invalid", "There can be no such schedule.", faults=faults)
    return new_plan


def of_definition(schedule: ScheduleTriggers | None, *, now: datetime) -> dict[str, Plan]:
    """Return the plans of a definition's own schedule by their triggers, every and cron.

    Its executions may overlap (DSL reference, "Schedule"). Of missed times only the last executes.
    """
    plans: dict[str, Plan] = {}
    if schedule is None:
        return plans
    if schedule.every is not None:
        plans["every"] = Plan(every=int(schedule.every), overlap="allow_all")
    if schedule.cron is not None:
        plans["cron"] = Plan(cron=schedule.cron, overlap="allow_all")
    return {trigger: _last_one_only(plan, now) for trigger, plan in plans.items()}


def due(
    plan: Plan, *, counted_from: datetime, since: datetime, until: datetime
) -> Iterator[datetime]:
    """Yield the times of a plan from `since` on, before or at `until`."""
    first = max(since, plan.start_at) if plan.start_at else since
    last = min(until, plan.end_at) if plan.end_at else until
    return takewhile(lambda at: at <= last, _times(plan, counted_from, first))


def is_due(plan: Plan, at: datetime, *, counted_from: datetime) -> bool:
    """Return whether a time is one of a plan's, as Temporal reads the plan."""
    if (plan.start_at and at < plan.start_at) or (plan.end_at and at > plan.end_at):
        return False
    if plan.every is None:
        return cron.matches(plan.cron or "", at.astimezone(ZoneInfo(plan.timezone)))
    since = at - counted_from.replace(microsecond=0)  # Temporal counts whole seconds
    return not since % timedelta(seconds=plan.every)


def _times(plan: Plan, counted_from: datetime, first: datetime) -> Iterator[datetime]:
    if plan.every is not None:
        # Temporal counts whole seconds.
        start = counted_from.replace(microsecond=0)
        rounds = -(-(first - start) // timedelta(seconds=plan.every))
        while True:
            yield start + timedelta(seconds=rounds * plan.every)
            rounds += 1
    for at in CronSim(
        plan.cron or "", first.astimezone(ZoneInfo(plan.timezone)) - timedelta(microseconds=1)
    ):
        yield at.astimezone(UTC)


def _last_one_only(plan: Plan, now: datetime) -> Plan:
    """Return the plan with a catch-up window that holds one time."""
    times = due(plan, counted_from=now, since=now, until=now + AHEAD)
    apart = next(
        ((after - before).total_seconds() for before, after in pairwise(times)), CATCHUP_SECONDS
    )
    window = max(CATCHUP_SECONDS_MIN, min(int(apart), int(SECONDS_MAX)))
    return Plan(every=plan.every, cron=plan.cron, overlap=plan.overlap, catchup_seconds=window)


def _seconds(value: Any, least: int) -> int:
    seconds = float(value) if isinstance(value, int | float) else durations.to_seconds(value)
    if not seconds.is_integer():
        raise ValueError("must be whole seconds")
    if not least <= seconds <= SECONDS_MAX:
        raise ValueError(f"must be between {least} seconds and a year")
    return int(seconds)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _faults(plan: Plan) -> Iterator[Fault]:
    if plan.cron is not None and (wrong := check_cron(plan.cron)):
        yield Fault("/cron", wrong)
    if plan.timezone not in _zones():
        yield Fault("/timezone", "is no time zone of the IANA database, such as Europe/Paris")
    if plan.every is not None and plan.timezone != "UTC":
        yield Fault("/timezone", "goes with cron: an interval is as long everywhere")
    if plan.overlap not in OVERLAPS:
        yield Fault("/overlap", f"must be one of {', '.join(OVERLAPS)}")
    if plan.start_at and plan.end_at and plan.end_at <= plan.start_at:
        yield Fault("/endAt", "must be after startAt")
