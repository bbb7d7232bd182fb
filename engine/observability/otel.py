"""Spans by OpenTelemetry, sent to a collector (OTLP over HTTP); loaded only where one is configured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio.contrib.opentelemetry import TracingInterceptor

from engine.config.settings import Settings

SENDING_SECONDS_MAX = 5
KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
# All that may be said of a span: ids, kinds and codes of ours.
SAID = frozenset(
    {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "execution",
        "account",
        "kind",
        "actor",
        "temporalWorkflowID",
        "temporalRunID",
        "temporalActivityID",
    }
)
W3C = TraceContextTextMapPropagator()


class Exported:
    """A tracer whose spans go to the collector of the settings."""

    def __init__(self, settings: Settings, process: str) -> None:
        share = TraceIdRatioBased(settings.otel_traces_sampler_arg)
        # Whether a stranger's trace is kept is not for the stranger to say; among us the first one decides.
        strangers = ParentBased(share, remote_parent_sampled=share, remote_parent_not_sampled=share)
        self._provider = TracerProvider(
            resource=Resource({"service.name": f"cloudapi-{process}"}),
            sampler=strangers if process == "web" else ParentBased(share),
        )
        exporter = OTLPSpanExporter(
            endpoint=f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces",
            headers=_headers(settings.otel_exporter_otlp_headers),
            timeout=SENDING_SECONDS_MAX,
        )
        self._provider.add_span_processor(BatchSpanProcessor(Discreet(exporter)))
        self._tracer = self._provider.get_tracer("cloudapi")

    @contextmanager
    def span(self, name: str, parent: str | None, kind: str) -> Iterator[Span]:
        """Run the body in a span."""
        within = (
            W3C.extract({"traceparent": parent}, context.Context()) if parent else context.Context()
        )
        with self._tracer.start_as_current_span(
            name, within, KINDS[kind], record_exception=False, set_status_on_exception=True
        ) as begun:
            yield Span(begun)

    def interceptors(self) -> list[Any]:
        """Return what makes spans of Temporal's calls, workflows and activities."""
        interceptor = TracingInterceptor(self._tracer)
        interceptor.text_map_propagator = W3C  # no baggage: it would be a client's own words
        return [interceptor]

    def close(self) -> None:
        """Send what has not been sent."""
        self._provider.shutdown()


class Span:
    """A span that is going on."""

    def __init__(self, begun: trace.Span) -> None:
        self._begun = begun
        carrier: dict[str, str] = {}
        W3C.inject(carrier, trace.set_span_in_context(begun, context.Context()))
        self.traceparent = carrier["traceparent"]

    def note(self, name: str | None = None, **attributes: str | int) -> None:
        """Give it a better name, and say more about it; a double underscore stands for a dot."""
        if name is not None:
            self._begun.update_name(name)
        for key, value in attributes.items():
            self._begun.set_attribute(key.replace("__", "."), value)


class Discreet(SpanExporter):
    """Lets out of the process what may be said, whoever made the span: no errors' texts, nothing unknown."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        return self._exporter.export([_discreet(span) for span in spans])

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the exporter send what it holds."""
        return self._exporter.force_flush(timeout_millis)


def _discreet(span: ReadableSpan) -> ReadableSpan:
    attributes = {name: value for name, value in (span.attributes or {}).items() if name in SAID}
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code),  # without its text
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _headers(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}
