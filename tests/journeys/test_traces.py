"""One execute, and one push, as one trace through real processes; and nothing of a user's in it."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.platform import NO_RATE_LIMITS, migrate, processes
from bin.devtools.stack.server import free_port
from bin.devtools.stack.servers import running
from tests.support.journeys.collector import Collector, ExportedSpan, collecting
from tests.support.waiting import until

pytestmark = pytest.mark.journey


HEAD = "document: {dsl: '1.0.3', namespace: tests, name: traced, version: '1.0.0'}\n"


@dataclass(frozen=True, slots=True)
class TracedPlatform:
    """A platform of its own that exports spans, and a second web that cannot reach Temporal."""

    url: str
    url_without_temporal: str
    collector: Collector
    logs: Path
    database_url: str

    def outbox_is_empty(self) -> bool:
        """Tell whether nothing waits in the outbox."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


@pytest.fixture(scope="module")
def traced_platform(home: Path) -> Iterator[TracedPlatform]:
    home = home.with_name(home.name.replace("test", "traced"))
    with ExitStack() as exits:
        stack = exits.enter_context(running(home))
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        collector = exits.enter_context(collecting())
        export_settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        ports = [free_port(), free_port()]
        environ = (
            stack.environ()
            | fresh_keys()
            | NO_RATE_LIMITS
            | export_settings
            | {"PORT": str(ports[0])}
        )
        migrate(environ, home / "logs")
        names = ("temporal", "relay", "fanout", "web")
        exits.enter_context(processes(environ, home / "logs", names))
        alone = environ | {"PORT": str(ports[1]), "TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}"}
        exits.enter_context(processes(alone, home / "logs" / "alone", ("web",)))
        url, without = (f"http://127.0.0.1:{port}" for port in ports)
        yield TracedPlatform(url, without, collector, home / "logs", stack.database_url)


def client_of(url: str) -> Client:
    client = Client(url, "laptop", Keys.fresh())
    client.register(f"{secrets.token_hex(8)}@example.org", "a long pass phrase")
    return client


def begin(client: Client) -> tuple[str, str]:
    """Add a trace to the client's next requests; return its id, and that of the client's span."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    client.http.headers["traceparent"] = f"00-{trace_id}-{span_id}-00"
    return trace_id, span_id


def ancestors(spans: list[ExportedSpan], span: ExportedSpan) -> list[ExportedSpan]:
    """Return the spans above a span, the nearest first."""
    spans_of_trace = []
    spans_by_id = {one.span_id: one for one in spans}
    while span.parent_id in spans_by_id:
        span = spans_by_id[span.parent_id]
        spans_of_trace.append(span)
    return spans_of_trace


def settle_span(collector: Collector, trace_id: str) -> ExportedSpan | None:
    """Return the span of the last activity of the trace's execution, once it has come."""
    settle_spans = [
        one for one in collector.of(trace_id) if one.name.startswith("RunActivity:settle")
    ]
    return settle_spans[0] if settle_spans else None


def test_an_execute_that_web_starts_is_one_trace_down_to_the_activities(
    traced_platform: TracedPlatform,
) -> None:
    with client_of(traced_platform.url) as client:
        workflow = client.create_workflow(
            "traced", HEAD + "do:\n  - a: {set: {b: '${ .a + 1 }'}}\n"
        )
        trace_id, own = begin(client)
        ran = client.execute(workflow["id"], {"a": 1})
        assert ran["opened"] == {"b": 2}
    last = until(lambda: settle_span(traced_platform.collector, trace_id))
    route = "/api/workflows/<uuid:definition_id>/execute"
    until(
        lambda: [
            one for one in traced_platform.collector.of(trace_id) if one.name == f"POST {route}"
        ]
    )
    spans = traced_platform.collector.of(trace_id)
    above = ancestors(spans, last)
    assert {last.process, *(one.process for one in above)} == {"temporal", "web"}
    (request,) = [one for one in spans if one.name == f"POST {route}"]
    assert above[-1] == request
    assert request.parent_id == own
    assert request.attributes["http.route"] == route
    assert last.attributes["temporalWorkflowID"] == f"execution:{ran['executionId']}"


def test_an_execute_that_the_relay_starts_is_the_same_trace(
    traced_platform: TracedPlatform,
) -> None:
    with client_of(traced_platform.url_without_temporal) as client:
        workflow = client.create_workflow("traced", HEAD + "do:\n  - a: {set: {b: 1}}\n")
        trace_id, own = begin(client)
        ran = client.execute(workflow["id"], {"a": 1}, wait=0)
        assert ran["status"] == "running"
    last = until(lambda: settle_span(traced_platform.collector, trace_id))
    until(
        lambda: [
            one
            for one in traced_platform.collector.of(trace_id)
            if one.name == "carry execution.start"
        ]
    )
    spans = traced_platform.collector.of(trace_id)
    above = ancestors(spans, last)
    assert [one.process for one in above if one.process != "temporal"] == ["relay", "relay", "web"]
    assert above[-1].parent_id == own
    (delivery,) = [one for one in spans if one.name == "carry execution.start"]
    assert delivery.attributes["execution"] == ran["executionId"]
    lines = (traced_platform.logs / "relay.log").read_text().splitlines()
    (line,) = [one for one in lines if "event=delivered" in one and ran["executionId"] in one]
    assert "account=" in line


def test_a_push_is_one_trace_down_to_the_actor_that_tells_of_it(
    traced_platform: TracedPlatform,
) -> None:
    with client_of(traced_platform.url) as client:
        until(
            traced_platform.outbox_is_empty
        )  # what tells of the registration would tell of the push too, if it came in time
        trace_id, own = begin(client)
        client.push("theme", {"dark": True}, version="1", clock={"laptop": 1})
    spans = traced_platform.collector

    def actor_spans() -> list[ExportedSpan]:
        return [one for one in spans.of(trace_id) if one.name == "act fan_out"]

    actor = until(actor_spans)[0]
    until(lambda: len(ancestors(spans.of(trace_id), actor)) == 2)
    above = ancestors(spans.of(trace_id), actor)
    assert [actor.process, *(one.process for one in above)] == ["fanout", "relay", "web"]
    assert above[-1].parent_id == own
    lines = (traced_platform.logs / "web.log").read_text().splitlines()
    (line,) = [one for one in lines if trace_id in one]
    assert "account=" in line
    assert "request=" in line


def test_nothing_of_a_users_is_in_a_trace_or_a_log(traced_platform: TracedPlatform) -> None:
    canary = f"c{secrets.token_hex(12)}"
    raising = (
        f"raise: {{error: {{type: 'https://{canary}.org', status: 400, detail: '${{ .secret }}'}}}}"
    )
    with Client(traced_platform.url, "laptop", Keys.fresh()) as client:
        client.register(f"{canary}@example.org", f"{canary} pass phrase")
        trace_id, _ = begin(client)
        client.http.headers["baggage"] = f"name={canary}"
        client.push(canary, {canary: canary}, version=canary, clock={"laptop": 1})
        workflow = client.create_workflow(canary, f"{HEAD}do:\n  - {canary}: {{{raising}}}\n")
        ran = client.execute(workflow["id"], {"secret": canary})
        assert ran["status"] == "failed"
        client.http.get(f"/api/{canary}?{canary}={canary}")
    until(lambda: settle_span(traced_platform.collector, trace_id))
    until(lambda: [one for one in traced_platform.collector.of(trace_id) if one.name == "GET none"])
    assert not [body for body in traced_platform.collector.bodies if canary.encode() in body]
    logs = list(traced_platform.logs.rglob("*.log"))
    assert len(logs) >= 5
    assert not [log.name for log in logs if canary in log.read_text(errors="replace")]
