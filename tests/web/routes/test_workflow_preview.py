"""Workflows validated without being saved, and drawn, on the running platform."""

import asyncio
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client as TemporalClient
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client, Keys, RefusedError
from engine.store.workflows import Definition, DefinitionVersion
from tests.support.platform import Platform, beside
from tests.support.waiting import until
from tests.support.web.workflows import sealed_to

pytestmark = pytest.mark.platform


DOCUMENT = """
document: {dsl: '1.0.3', namespace: tests, name: look, version: '1.0.0'}
do:
  - choose: {switch: [{big: {when: '${ .n > 9 }', then: end}}, {small: {then: said}}]}
  - said: {set: {canary: true}}
"""
BROKEN = DOCUMENT.replace("set: {canary", "sett: {canary")
NODES = {"": "workflow", "/do/0/choose": "switch", "/do/1/said": "set", "/do/-": "end"}


def validated(client: Client, **body: str) -> Any:
    return previewed(client, "POST", "/api/workflows/validate", json={"name": "x", **body})


def drawn(client: Client, workflow_id: str, **query: Any) -> Any:
    return previewed(client, "GET", f"/api/workflows/{workflow_id}/graph", params=query)


def previewed(client: Client, method: str, path: str, **options: Any) -> Any:
    """Return the worker's answer; while the machine is busy, web does not wait for it."""

    def ask() -> Any:
        answer = client.http.request(method, path, **options)
        return None if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE else answer

    answer = until(ask)
    if answer.is_error:
        raise RefusedError(answer)
    return answer.json()


def test_what_is_valid_is_valid_and_nothing_is_saved(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    def rows() -> list[int | None]:
        with sessions() as session:
            return [
                session.scalar(select(func.count()).select_from(table))
                for table in (Definition, DefinitionVersion)
            ]

    before = rows()
    told = validated(laptop, **laptop.seal_workflow(DOCUMENT))
    assert told == {"valid": True, "diagnostics": [], "diagnosticsSealed": None}
    assert rows() == before
    assert laptop.request("GET", "/api/workflows")["total"] == 0


def test_what_is_wrong_is_told_as_creating_it_would_tell_it(laptop: Client) -> None:
    for body in (
        laptop.seal_workflow(BROKEN),
        laptop.seal_workflow("a: ["),
        {"encryptedData": "plain", "encryptionKey": "plain"},
        laptop.seal_workflow(DOCUMENT) | {"encryptionKey": '{"recipients": []}'},
    ):
        told = validated(laptop, **body)
        made = laptop.request("POST", "/api/workflows", json={"name": "x"} | body)["workflow"]
        assert (told["valid"], told["diagnostics"]) == (False, made["diagnostics"])
        assert laptop.open(told["diagnosticsSealed"]) == laptop.open(made["diagnosticsSealed"])


def test_a_draft_that_cannot_be_created_cannot_be_validated(laptop: Client) -> None:
    large = {"name": "x", "encryptedData": "x" * 1_500_000, "encryptionKey": "x"}
    answer = laptop.http.post("/api/workflows/validate", json=large)
    assert (answer.status_code, answer.json()["code"]) == (413, "definition_too_large")
    answer = laptop.http.post("/api/workflows/validate", json={"name": "x"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/encryptedData")


def test_the_largest_definition_that_may_be_created_may_be_validated(laptop: Client) -> None:
    key = laptop.engine_key()
    assert isinstance(key, OKPKey)
    header = {"dsl": "1.0.3", "namespace": "tests", "name": "look", "version": "1.0.0"}
    document = {"document": header, "do": [{"said": {"set": {"canary": "x" * 1_048_000}}}]}
    assert 1_048_000 < len(json.dumps(document)) <= 1_048_576
    body = sealed_to(key, json.dumps(document), cty="json")
    assert validated(laptop, **body)["valid"]
    long = json.dumps({"recipients": ["x" * 65_000]})
    assert (
        validated(laptop, **body | {"encryptionKey": long})["diagnostics"][0]["pointer"]
        == "/encryptionKey"
    )


async def histories(platform: Platform, account_id: str) -> list[bytes]:
    """Return all that Temporal keeps of an account's workflows."""
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    found = [run async for run in temporal.list_workflows(f"account = '{account_id}'")]
    handles = [temporal.get_workflow_handle(run.id, run_id=run.run_id) for run in found]
    kept = [[event async for event in handle.fetch_history_events()] for handle in handles]
    return [b"".join(event.SerializeToString() for event in events) for events in kept]


def test_temporal_is_shown_nothing_that_was_not_sealed(platform: Platform) -> None:
    canary = f"canary-{uuid7()}"
    document = DOCUMENT.replace("said", canary)
    with Client(platform.api_url, "laptop", Keys.fresh()) as client:
        account_id = client.register(f"{uuid7()}@example.org", "a long pass phrase")["user"]["id"]
        validated(client, encryptedData=canary, encryptionKey=canary)
        broken = validated(client, **client.seal_workflow(document.replace("set:", "sett:")))
        assert canary in json.dumps(client.open(broken["diagnosticsSealed"]))
        workflow_id = client.create_workflow("x", document)["id"]
        assert canary in json.dumps(drawn(client, workflow_id, sealed="false"))
        assert canary in json.dumps(client.open(drawn(client, workflow_id)["graph"]))
    kept = until(
        lambda: (
            len(found := asyncio.run(histories(platform, account_id))) == 5 and found
        )  # it lags behind
    )
    assert all(account_id.encode() in history for history in kept), "ids are there in the clear"
    assert not [history for history in kept if canary.encode() in history]


def test_a_graph_comes_sealed_unless_it_is_asked_for_in_the_clear(laptop: Client) -> None:
    workflow_id = laptop.create_workflow("drawn", DOCUMENT)["id"]
    clear = drawn(laptop, workflow_id, sealed="false")
    assert (clear["workflowId"], clear["workflowVersion"], clear["format"]) == (
        workflow_id,
        1,
        "json",
    )
    assert {node["id"]: node["kind"] for node in clear["graph"]["nodes"]} == NODES
    assert {"from": "/do/0/choose", "to": "/do/-", "kind": "case", "label": "big"} in clear[
        "graph"
    ]["edges"]
    sealed = drawn(laptop, workflow_id)
    assert laptop.open(sealed["graph"]) == clear["graph"]
    chart = drawn(laptop, workflow_id, sealed="false", format="mermaid")["graph"]
    assert chart.startswith("flowchart TD\n")
    assert laptop.open(drawn(laptop, workflow_id, format="mermaid")["graph"]) == chart


def test_an_old_version_is_drawn_as_it_was(laptop: Client) -> None:
    workflow_id = laptop.create_workflow("drawn", DOCUMENT)["id"]
    laptop.change_workflow(workflow_id, "x", DOCUMENT.replace("said", "told"))
    names = {
        version: {
            node["name"]
            for node in drawn(laptop, workflow_id, sealed="false", **query)["graph"]["nodes"]
        }
        for version, query in ((1, {"version": 1}), (2, {}))
    }
    assert (names[1] - names[2], names[2] - names[1]) == ({"said"}, {"told"})
    answer = laptop.http.get(f"/api/workflows/{workflow_id}/graph", params={"version": 3})
    assert (answer.status_code, answer.json()["code"]) == (404, "workflow_version_unknown")


@pytest.mark.parametrize("document", [BROKEN, "a: ["])
def test_what_cannot_run_cannot_be_drawn(laptop: Client, document: str) -> None:
    workflow_id = laptop.create_workflow("broken", document)["id"]
    answer = laptop.http.get(f"/api/workflows/{workflow_id}/graph")
    assert (answer.status_code, answer.json()["code"]) == (409, "workflow_undrawable")


def test_nothing_is_sealed_to_a_key_that_seals_nothing(platform: Platform) -> None:
    body = {
        "email": f"{uuid7()}@example.org",
        "password": "a long pass phrase",
        "publicKey": "opaque",
    }
    with Client(platform.api_url, "laptop", Keys.fresh()) as client:
        token = client.request("POST", "/api/auth/register", json=body)["accessToken"]
        client.http.headers["Authorization"] = f"Bearer {token}"
        workflow_id = client.create_workflow("drawn", DOCUMENT)["id"]
        answer = client.http.get(f"/api/workflows/{workflow_id}/graph")
        assert (answer.status_code, answer.json()["code"]) == (409, "public_key_unsealable")
        assert drawn(client, workflow_id, sealed="false")["graph"]["nodes"]
        assert validated(client, **client.seal_workflow(BROKEN))["diagnosticsSealed"] is None


@pytest.mark.parametrize(
    "query", ["format=svg", "sealed=no", "sealed=1", "version=0", "version=x", "a=b"]
)
def test_what_is_no_graph_is_refused(laptop: Client, query: str) -> None:
    assert laptop.http.get(f"/api/workflows/{uuid7()}/graph?{query}").status_code == 422


@pytest.fixture
def away(platform: Platform, laptop: Client) -> Iterator[Client]:
    """The same agent, asking a web process that does not reach Temporal."""
    with (
        beside(platform, TEMPORAL_ADDRESS="127.0.0.1:9") as alone,
        Client(alone.api_url, "laptop", laptop.keys) as client,
    ):
        client.http.headers.update(laptop.http.headers)
        yield client


def test_nothing_is_seen_without_a_worker(laptop: Client, away: Client) -> None:
    workflow_id = laptop.create_workflow("drawn", DOCUMENT)["id"]
    body = {"name": "x"} | laptop.seal_workflow(DOCUMENT)
    for answer in (
        away.http.post("/api/workflows/validate", json=body),
        away.http.get(f"/api/workflows/{workflow_id}/graph"),
    ):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
