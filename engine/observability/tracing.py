"""Traces: spans of what a process does, and the W3C `traceparent` that ties processes together.

Only OpenTelemetry's API is loaded here. Without a collector its spans record nothing and pass on the
context of their parent, so that a client's own trace does not break. `configure` loads the SDK.
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
    """Export spans from now on, if the settings name a collector; not to be called before a fork."""
    if settings.otel_exporter_otlp_endpoint:
        from engine.observability import otel  # noqa: PLC0415 - loaded only where spans are sent

        provider = otel.make_provider(settings, process)
        trace.set_tracer_provider(provider)
        _providers.callback(provider.shutdown)


def close() -> None:
    """Send the spans that have not been sent, and export no more."""
    _providers.close()


def interceptors() -> list[Any]:
    """Return the interceptors by which a Temporal client makes spans; none without a collector."""
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return []
    from engine.observability import otel  # noqa: PLC0415 - loaded only where spans are sent

    return [otel.make_interceptor(_tracer)]


def traceparent() -> str | None:
    """Return the `traceparent` of the current span, for a message or an outbox row to carry."""
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
    """Run the body in a span below `parent`, a `traceparent`; else below the current span, if there is one.

    A malformed `parent` counts as none.
    """
    within = context.get_current()
    if parent:
        within = W3C.extract({"traceparent": parent}, within)
    with _tracer.start_as_current_span(name, within, kind, record_exception=False) as begun:
        yield begun
