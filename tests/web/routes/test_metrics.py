"""`/metrics`: its token, and the metrics of all processes."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing

import httpx2
import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from bin.devtools.stack.client import Client
from bin.devtools.stack.platform import processes
from bin.devtools.stack.server import free_port
from tests.support.platform import Platform, beside
from tests.support.waiting import until
from tests.support.web.people import Make, Person

TOKEN = "an operator's token"
BEARING = {"Authorization": f"Bearer {TOKEN}"}
DOCUMENT = """
document: {dsl: '1.0.3', namespace: tests, name: counted, version: '1.0.0'}
do:
  - add: {set: {b: '${ .a|.+1 }'}}
"""
Samples = dict[str, list[tuple[dict[str, str], float]]]


def parsed(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    """Return the sum of the samples that have these labels."""
    return sum(
        number for having, number in samples.get(name, []) if labels.items() <= having.items()
    )


@pytest.mark.stack
def test_without_a_token_in_the_settings_there_is_no_such_page(client: FlaskClient) -> None:
    assert client.get("/metrics", headers=BEARING).status_code == 404


@pytest.mark.stack
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \xe4"},
    ],
)
def test_only_the_operator_is_answered(make: Make, headers: dict[str, str]) -> None:
    refused = make(METRICS_TOKEN=TOKEN).test_client().get("/metrics", headers=headers)
    assert (refused.status_code, refused.get_json()["code"]) == (401, "metrics_token_invalid")


@pytest.mark.stack
def test_requests_count_by_route_and_never_by_path(make: Make, person: Person) -> None:
    client = make(METRICS_TOKEN=TOKEN).test_client()
    client.get(f"/api/executions/{person.id}", headers=person.headers)
    client.get(f"/api/{person.id}")
    client.open("/health/live", method="BREW")
    answer = client.get("/metrics", headers=BEARING)
    assert answer.content_type.startswith("text/plain")
    samples = parsed(answer.text)
    route = "/api/executions/<uuid:execution_id>"
    assert (
        value(samples, "cloudapi_request_seconds_count", route=route, method="GET", status="4xx")
        >= 1
    )
    assert value(samples, "cloudapi_request_seconds_count", route="none", status="4xx") >= 1
    assert value(samples, "cloudapi_request_seconds_count", method="other") >= 1
    assert value(samples, "cloudapi_problems_total", status="404", code="execution_unknown") >= 1
    assert value(samples, "cloudapi_database_connections") > 0
    assert person.id not in answer.text
    assert person.email not in answer.text


@pytest.mark.stack
def test_a_refusal_counts_by_its_limit(make: Make, person: Person) -> None:
    client = make(METRICS_TOKEN=TOKEN, LIMIT_SYNC_PER_MINUTE="1").test_client()
    before = value(
        parsed(client.get("/metrics", headers=BEARING).text), "cloudapi_refusals_total", area="sync"
    )
    answers = [client.get("/api/sync/pull", headers=person.headers).status_code for _ in range(3)]
    assert answers == [200, 429, 429]
    after = value(
        parsed(client.get("/metrics", headers=BEARING).text), "cloudapi_refusals_total", area="sync"
    )
    assert after == before + 2


@pytest.mark.stack
def test_without_redis_web_answers_for_itself(make: Make) -> None:
    client = make(METRICS_TOKEN=TOKEN, REDIS_URL=f"redis://127.0.0.1:{free_port()}").test_client()
    samples = parsed(client.get("/metrics", headers=BEARING).text)
    assert {labels["process"] for labels, _ in samples["process_start_time_seconds"]} == {"web"}


@pytest.fixture
def scraped(platform: Platform) -> Iterator[Platform]:
    with beside(platform, METRICS_TOKEN=TOKEN) as one:
        yield one


def counts_of_all(samples: Samples) -> tuple[float, ...]:
    """Return a sample of each process that the story below moves."""
    return (
        value(samples, "cloudapi_executions_started_total", process="web"),
        value(
            samples,
            "cloudapi_executions_ended_total",
            process="temporal",
            status="completed",
        ),
        value(samples, "cloudapi_evaluations_total", process="temporal", result="value"),
        value(samples, "cloudapi_fanout_lag_seconds_count", process="fanout"),
        value(samples, "cloudapi_actor_seconds_count", process="fanout", actor="fan_out"),
        value(samples, "cloudapi_relay_deliveries_total", process="relay", result="delivered"),
        value(samples, "cloudapi_temporal_slots", process="temporal", state="available"),
        value(
            samples,
            "cloudapi_temporal_wait_seconds_count",
            process="temporal",
            kind="workflow",
        ),
        value(samples, "cloudapi_log_events_total", process="relay", event="relay_ready"),
        value(samples, "cloudapi_threads", process="web"),
        value(samples, "cloudapi_streams_open", process="web", kind="stream"),
    )


@pytest.mark.platform
def test_one_web_process_tells_of_all_processes(
    scraped: Platform, laptop: Client, platform: Platform
) -> None:
    laptop.execute(laptop.create_workflow("counted", DOCUMENT)["id"], {"a": 1})
    laptop.push("theme", {"dark": True}, version="1", clock={"laptop": 1})
    with closing(laptop.events()) as events:  # type: ignore[type-var] # a generator, which can be closed
        next(events)

        def complete() -> Samples | None:
            answer = httpx2.get(f"{scraped.api_url}/metrics", headers=BEARING)
            samples = parsed(answer.text)
            heard = {labels["process"] for labels, _ in samples["process_start_time_seconds"]}
            return samples if heard >= {*platform.servers} and all(counts_of_all(samples)) else None

        samples = until(complete)
    assert {"execution.start", "sync.changed"} <= {
        labels["kind"] for labels, _ in samples["cloudapi_outbox_oldest_seconds"]
    }
    queues = {labels["queue"] for labels, _ in samples["cloudapi_queue_messages"]}
    assert queues == {"fanout", "channels"}
    webs = {labels["instance"] for labels, _ in samples["cloudapi_threads"]}
    assert len(webs) > 1, "the platform's own web tells of itself too"
    ids = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-|@example")
    for name, found in samples.items():
        assert not [labels for labels, _ in found if ids.search(str(labels))], name


@pytest.mark.platform
def test_another_process_serves_its_own_on_a_port_when_it_is_given_one(platform: Platform) -> None:
    port = free_port()
    with ExitStack() as exits:
        logs = platform.logs / f"port-{os.getpid()}"
        exits.enter_context(
            processes(platform.environ | {"METRICS_PORT": str(port)}, logs, ("relay",))
        )

        def served() -> str | None:
            try:
                return httpx2.get(f"http://127.0.0.1:{port}/metrics").text
            except httpx2.TransportError:
                return None

        assert "cloudapi_outbox_messages" in until(served)
