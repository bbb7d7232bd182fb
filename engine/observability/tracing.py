"""Traces: what something is done for, carried through all processes as W3C `traceparent`.

The text is carried in any case, so that a client's own trace does not break here. Spans are made only
where a collector is configured; OpenTelemetry's SDK is not even loaded otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from engine.config.settings import Settings

# W3C Trace Context section 3.2: version 00, and neither id all zeros.
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_carried: ContextVar[str | None] = ContextVar("traceparent", default=None)


class Span(Protocol):
    """A span that is going on."""

    traceparent: str

    def note(self, name: str | None = None, **attributes: str | int) -> None:
        """Give it a better name, and say more about it: kinds, codes and ids of ours, never data."""
        ...


class Tracer(Protocol):
    """What makes spans."""

    def span(self, name: str, parent: str | None, kind: str) -> AbstractContextManager[Span]:
        """Run the body in a span."""
        ...

    def interceptors(self) -> list[Any]:
        """Return what makes spans of Temporal's calls, workflows and activities."""
        ...

    def close(self) -> None:
        """Send what has not been sent."""
        ...


class _Nothing:
    """A span that is none: only what is carried goes on."""

    def __init__(self, parent: str | None) -> None:
        self.traceparent = parent or ""

    def note(self, name: str | None = None, **attributes: str | int) -> None:
        """Note nothing."""


_tracers: list[Tracer] = []  # one, when there is one


def configure(settings: Settings, process: str) -> None:
    """Make spans from now on, if a collector is configured; not to be called before a fork."""
    if settings.otel_exporter_otlp_endpoint and not _tracers:
        from engine.observability.otel import Exported  # noqa: PLC0415 - costs a quarter of a second and 15 MB

        _tracers.append(Exported(settings, process))


def close() -> None:
    """Send what has not been sent, and make no more spans."""
    while _tracers:
        _tracers.pop().close()


def interceptors() -> list[Any]:
    """Return what a Temporal client needs to make spans; nothing without a collector."""
    return [one for tracer in _tracers for one in tracer.interceptors()]


def traceparent() -> str | None:
    """Return what stands for that which is going on, to be carried along."""
    return _carried.get()


def trace_id() -> str | None:
    """Return the id of the trace, for the log."""
    found = TRACEPARENT.fullmatch(_carried.get() or "")
    return found and found[1]


@contextmanager
def span(name: str, *, parent: str | None = None, kind: str = "internal") -> Iterator[Span]:
    """Run the body as a part of a trace: of `parent`, or of what is going on, or of a new one.

    A `parent` that is no `traceparent` is none.
    """
    if parent is not None and not TRACEPARENT.fullmatch(parent):
        parent = None
    parent = parent or _carried.get()
    if not _tracers:
        with _carrying(parent):
            yield _Nothing(parent)
        return
    with _tracers[0].span(name, parent, kind) as begun, _carrying(begun.traceparent):
        yield begun


@contextmanager
def _carrying(text: str | None) -> Iterator[None]:
    token = _carried.set(text)
    try:
        yield
    finally:
        _carried.reset(token)
