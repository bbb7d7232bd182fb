"""OpenTelemetry's SDK: exports spans to a collector by OTLP over HTTP; loaded only for one."""

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

EXPORT_SECONDS_MAX = 5
# Attributes that leave the process: ids, kinds and codes of ours, never user data.
ATTRIBUTES = frozenset(
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
    """Return a provider whose spans go to the collector in the settings."""
    ratio = TraceIdRatioBased(settings.otel_traces_sampler_arg)
    # A client does not decide whether its trace is sampled; among our processes the first does.
    for_clients = ParentBased(ratio, remote_parent_sampled=ratio, remote_parent_not_sampled=ratio)
    provider = TracerProvider(
        resource=Resource({"service.name": f"cloudapi-{process}"}),
        sampler=for_clients if process == "web" else ParentBased(ratio),
    )
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces",
        headers=_headers(settings.otel_exporter_otlp_headers),
        timeout=EXPORT_SECONDS_MAX,
    )
    provider.add_span_processor(BatchSpanProcessor(FilteringExporter(exporter)))
    return provider


def make_interceptor(tracer: Tracer) -> TracingInterceptor:
    """Return the interceptor that creates spans of Temporal's calls, workflows and activities."""
    interceptor = TracingInterceptor(tracer)
    # Without W3C baggage, which clients write.
    interceptor.text_map_propagator = TraceContextTextMapPropagator()
    return interceptor


class FilteringExporter(SpanExporter):
    """Exporter that drops error texts, events and all but the listed attributes of every span."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the filtered spans."""
        return self._exporter.export([_filter(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Let the exporter send its buffered spans."""
        return self._exporter.force_flush(timeout_millis)


def _filter(span: ReadableSpan) -> ReadableSpan:
    attributes = {
        name: value for name, value in (span.attributes or {}).items() if name in ATTRIBUTES
    }
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code),  # without the error's text
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _headers(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}
