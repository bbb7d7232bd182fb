"""Traces: spans of a process, and the W3C `traceparent` that connects the spans of processes.

This module loads OpenTelemetry's API only. Without a collector its spans record nothing and pass on
their parent's context, so that a client's own trace does not break. `configure` loads the SDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from engine.config.settings import Settings

W3C = TraceContextTextMapPropagator()

_tracer = trace.get_tracer("cloudapi")
_providers = ExitStack()


def configure(settings: Settings, process: str) -> None:
    """Export spans from now on, if the settings name a collector; call it after a fork."""
    if settings.otel_exporter_otlp_endpoint:
        from engine.observability import otel  # noqa: PLC0415 - loaded only where spans are sent

        provider = otel.make_provider(settings, process)
        trace.set_tracer_provider(provider)
        _providers.callback(provider.shutdown)


def close() -> None:
    """Send the remaining spans and stop the export."""
    _providers.close()


def interceptors() -> list[Any]:
    """Return the interceptors that create spans of a Temporal client; none without a collector."""
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return []
    from engine.observability import otel  # noqa: PLC0415 - loaded only where spans are sent

    return [otel.make_interceptor(_tracer)]


def traceparent() -> str | None:
    """Return the `traceparent` of the current span, for a message or an outbox row."""
    carrier: dict[str, str] = {}
    W3C.inject(carrier)
    return carrier.get("traceparent")


def trace_id() -> str | None:
    """Return the id of the current trace, for the log."""
    current = trace.get_current_span().get_span_context()
    return trace.format_trace_id(current.trace_id) if current.is_valid else None


@contextmanager
def span(
    name: str, *, parent: str | None = None, kind: SpanKind = SpanKind.INTERNAL
) -> Iterator[Span]:
    """Run the body in a span below `parent`, a `traceparent`, or else below the current span.

    A malformed `parent` is ignored.
    """
    parent_context = context.get_current()
    if parent:
        parent_context = W3C.extract({"traceparent": parent}, parent_context)
    with _tracer.start_as_current_span(
        name, parent_context, kind, record_exception=False
    ) as current:
        yield current
