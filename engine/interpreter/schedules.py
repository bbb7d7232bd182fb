"""`schedule`: when a definition runs without being asked to, and what it runs on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

from engine.interpreter import cloud_events, durations, strategies
from engine.interpreter.expressions.programs import Program
from engine.interpreter.node import Node
from engine.interpreter.strategies import Strategy

TRIGGERS = ("every", "cron", "after", "on")
KNOWN = frozenset({"runtime", "workflow"})  # nothing runs yet that could have an input or a context
SECONDS_MIN = 1.0
SECONDS_MAX = 366 * 86_400
CRON_LENGTH_MAX = 256


@dataclass(frozen=True, slots=True)
class Schedule:
    """What triggers executions; several triggers work side by side, each for itself.

    `every` and `after` are in seconds. `cron` is read in UTC: five fields as Debian's cron has them, or six,
    the first of which are seconds.
    """

    every: float | None = None
    cron: str | None = None
    after: float | None = None
    on: Strategy | None = None
    reads: str = "data"

    def triggers(self) -> Iterator[str]:
        """Yield the names of the triggers that are set."""
        yield from (name for name in TRIGGERS if getattr(self, name) is not None)

    def next(self, trigger: str, *, saved: datetime, now: datetime) -> datetime:
        """Return the first time after `now` at which `every` or `cron` fires.

        `every` counts from when the definition was saved. Times that passed while nothing could run are
        not made up for: one run stands for all of them.

        :raises ValueError: when there will be none.
        """
        if trigger == "every":
            seconds = self.every or SECONDS_MIN
            rounds = max(0, int((now - saved).total_seconds() // seconds)) + 1
            return saved + timedelta(seconds=rounds * seconds)
        try:
            return next(CronSim(self.cron or "", now))
        except (CronSimError, StopIteration) as error:
            raise ValueError(str(error) or "never comes") from None


def read(node: Node) -> Schedule:
    """Read a definition's schedule (DSL reference, "Schedule")."""
    members = node.only(*TRIGGERS, "read").members()
    if isinstance(node.value, dict) and not members.keys() & set(TRIGGERS):
        node.fault(f"must have one of {', '.join(TRIGGERS)}")
    reads, on = node.get("read"), node.get("on")
    if reads is not None and on is None:
        reads.fault("needs on")
    return Schedule(
        every=_read_interval(node.get("every")),
        cron=_read_cron(node.get("cron")),
        after=_read_period(node.get("after")),
        on=strategies.read(replace(on, variables=KNOWN)) if on else None,
        reads=reads.one_of(*cloud_events.READS) if reads else "data",
    )


def _read_period(node: Node | None) -> float | None:
    if node is None:
        return None
    seconds = durations.read(node)
    if isinstance(seconds, Program):
        node.fault("must be a duration: there is no data yet that an expression could read")
        return None
    if not SECONDS_MIN <= seconds <= SECONDS_MAX:
        node.fault("must be between one second and a year")
    return seconds


def _read_interval(node: Node | None) -> float | None:
    seconds = _read_period(node)
    if node is not None and seconds is not None and not seconds.is_integer():
        node.fault("must be whole seconds")
    return seconds


def _read_cron(node: Node | None) -> str | None:
    if node is None:
        return None
    text = node.text()
    if wrong := cron_fault(text):
        node.fault(wrong, gist=wrong.partition(":")[0])
    return text


def cron_fault(text: str) -> str | None:
    """Return what is wrong with a cron expression, if anything is."""
    if len(text) > CRON_LENGTH_MAX:
        return f"must be at most {CRON_LENGTH_MAX} characters"
    try:
        next(CronSim(text, datetime(2026, 1, 1)))  # noqa: DTZ001 - any moment will do, and it is not shown
    except CronSimError as error:
        return f"is no cron expression: {str(error)[0].lower()}{str(error)[1:]}"
    except StopIteration:
        return "never comes"
    return None
