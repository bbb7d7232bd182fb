"""Retry policies: the number of retries, and the delay before each."""

from __future__ import annotations

from dataclasses import dataclass

from engine.expressions.jq import Program
from engine.language.document_node import DocumentNode

COUNT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retry policy; `count` is the number of retries, durations are seconds or programs."""

    when: Program | None = None
    except_when: Program | None = None
    delay: float | Program = 0.0
    backoff: str = "constant"
    count: int | None = None
    try_duration: float | Program | None = None
    duration: float | Program | None = None
    jitter: tuple[float | Program, float | Program] | None = None

    def factor(self, retry: int) -> int:
        """Return the multiple of the delay before a retry; the first retry is 1."""
        if self.backoff == "constant":
            return 1
        return retry if self.backoff == "linear" else 1 << min(retry - 1, 30)


def read(node: DocumentNode) -> RetryPolicy:
    """Read a policy, inline or by the name it has under `use.retries`."""
    if isinstance(node.value, str):
        component = node.component("retries")
        return read(component) if component else RetryPolicy()
    node.allow_only("when", "exceptWhen", "delay", "backoff", "limit", "jitter")
    when, except_when, delay = node.get("when"), node.get("exceptWhen"), node.get("delay")
    count, try_duration, duration = _read_limit(node.get("limit"))
    return RetryPolicy(
        when=when.program() if when else None,
        except_when=except_when.program() if except_when else None,
        delay=delay.duration() if delay else 0.0,
        backoff=_read_backoff(node.get("backoff")),
        count=count,
        try_duration=try_duration,
        duration=duration,
        jitter=_read_jitter(node.get("jitter")),
    )


def _read_limit(
    node: DocumentNode | None,
) -> tuple[int | None, float | Program | None, float | Program | None]:
    if node is None:
        return None, None, None
    node.allow_only("attempt", "duration")
    attempt, duration = node.get("attempt"), node.get("duration")
    count = attempt.allow_only("count", "duration").get("count") if attempt else None
    try_duration = attempt.get("duration") if attempt else None
    if count is not None and (isinstance(count.value, bool) or not isinstance(count.value, int)):
        count.add_fault("must be a number")
        count = None
    return (
        count.value if count else None,
        try_duration.duration() if try_duration else None,
        duration.duration() if duration else None,
    )


def _read_backoff(node: DocumentNode | None) -> str:
    if node is None:
        return "constant"
    member = node.one_member("constant", "linear", "exponential")
    return member[0] if member else "constant"


def _read_jitter(node: DocumentNode | None) -> tuple[float | Program, float | Program] | None:
    if node is None:
        return None
    node.allow_only("from", "to")
    return node.require("from").duration(), node.require("to").duration()
