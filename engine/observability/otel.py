"""Spans by OpenTelemetry, sent to a collector (OTLP over HTTP); loaded only where one is configured."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Status, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio.contrib.opentelemetry import TracingInterceptor

from engine.config.settings import Settings

SENDING_SECONDS_MAX = 5
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


def make_provider(settings: Settings, process: str) -> TracerProvider:
    """Return a provider whose spans go to the collector of the settings."""
    share = TraceIdRatioBased(settings.otel_traces_sampler_arg)
    # Whether a stranger's trace is kept is not for the stranger to say; among us the first one decides.
    strangers = ParentBased(share, remote_parent_sampled=share, remote_parent_not_sampled=share)
    provider = TracerProvider(
        resource=Resource({"service.name": f"cloudapi-{process}"}),
        sampler=strangers if process == "web" else ParentBased(share),
    )
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces",
        headers=_headers(settings.otel_exporter_otlp_headers),
        timeout=SENDING_SECONDS_MAX,
    )
    provider.add_span_processor(BatchSpanProcessor(Discreet(exporter)))
    return provider


def make_interceptor(tracer: Tracer) -> TracingInterceptor:
    """Return the interceptor that makes spans of Temporal's calls, workflows and activities."""
    interceptor = TracingInterceptor(tracer)
    interceptor.text_map_propagator = (
        TraceContextTextMapPropagator()
    )  # no baggage: a client writes it
    return interceptor


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
