"""What is carried without a collector, and what leaves the process with one."""

import contextlib
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from temporalio.client import Client
from temporalio.converter import PayloadConverter
from temporalio.service import RPCError

from engine.config.settings import Settings
from engine.contracts.definitions import DefinitionCheck
from engine.observability import tracing
from engine.observability.otel import FilteringExporter
from engine.observability.temporal_trace_header import HEADER
from engine.temporal.commands import start_check
from engine.temporal.connection import connect

TEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.unit
def test_a_trace_is_carried_although_no_spans_are_made() -> None:
    assert tracing.traceparent() is None
    with tracing.span("outer", parent=TEXT) as span:
        span.set_attribute("kind", "none")
        with tracing.span("inner"):
            assert tracing.traceparent() == TEXT
            assert tracing.trace_id() == TEXT[3:35]
    assert tracing.traceparent() is None


@pytest.mark.unit
@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        TEXT[:-1],
        TEXT + "0",
        TEXT.upper(),
        "ff" + TEXT[2:],
        TEXT.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
    ],
)
def test_what_is_no_traceparent_is_carried_nowhere(text: str) -> None:
    with tracing.span("outer", parent=text):
        assert tracing.traceparent() is None


@pytest.mark.stack
@pytest.mark.parametrize(
    "module", ["web.server.asgi", "worker.relay", "worker.fanout.sync", "worker.temporal"]
)
def test_without_a_collector_no_process_loads_what_exports(
    module: str, environ: dict[str, str]
) -> None:
    code = f"import sys, {module}; sys.exit('opentelemetry.exporter' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environ, check=False).returncode == 0


@pytest.mark.stack
async def test_a_workflow_is_told_the_trace_it_is_started_for(settings: Settings) -> None:
    client: Client = await connect(settings, keyed=False)
    with tracing.span("request", parent=TEXT):
        handle = await start_check(
            client, DefinitionCheck("00000000-0000-0000-0000-00000000ab1e", "-")
        )
    history = await handle.fetch_history()
    with contextlib.suppress(RPCError):  # where a worker runs, it has ended by itself
        await handle.terminate()
    headers = history.events[0].workflow_execution_started_event_attributes.header.fields
    assert PayloadConverter.default.from_payloads([headers[HEADER]]) == [{"traceparent": TEXT}]


@pytest.mark.unit
def test_no_error_and_no_unknown_attribute_leaves_the_process() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(FilteringExporter(kept)))
    tracer = provider.get_tracer("test")

    def fail() -> None:
        said = {"canary": "x", "kind": "known"}
        with tracer.start_as_current_span("POST /x", attributes=said) as span:
            span.add_event("canary")
            raise ValueError("canary")

    with pytest.raises(ValueError, match="canary"):
        fail()
    provider.shutdown()
    (sent,) = kept.get_finished_spans()
    assert "canary" not in sent.to_json()
    assert sent.attributes == {"kind": "known"}
    assert sent.status.status_code is StatusCode.ERROR
