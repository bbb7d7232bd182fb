"""`/api/workflows` on the running platform: created, checked, listed, read."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client, RefusedError
from tests.support.platform import Platform, new_agent
from tests.support.web.workflows import sealed_to

pytestmark = pytest.mark.platform


DOCUMENT = """
document: {dsl: '1.0.3', namespace: tests, name: greet, version: '1.0.0'}
do:
  - greet: {set: {greeting: '${ "Hello, " + .name }'}}
"""
WHOLE = {
    *("id", "name", "description", "status", "version", "diagnostics", "diagnosticsSealed"),
    *("lastExecutionId", "createdAt", "updatedAt"),
}


def test_a_new_workflow_is_a_draft_with_all_the_documented_fields(laptop: Client) -> None:
    sealed = laptop.seal_workflow(DOCUMENT)
    response = laptop.http.post(
        "/api/workflows", json={"name": "greet", "description": "Ünïcode"} | sealed
    )
    workflow = response.json()["workflow"]
    assert response.status_code == 201
    assert set(workflow) == WHOLE | {"encryptedData", "encryptionKey"}
    assert (workflow["status"], workflow["version"], workflow["diagnostics"]) == ("draft", 1, [])
    assert (workflow["name"], workflow["description"]) == ("greet", "Ünïcode")
    assert {name: workflow[name] for name in sealed} == sealed
    assert laptop.request("GET", response.headers["Location"])["workflow"] == workflow


def test_lists_are_newest_first_in_pages_and_by_status(laptop: Client) -> None:
    made = [laptop.create_workflow(f"number {number}", DOCUMENT)["id"] for number in range(3)]
    page = laptop.request("GET", "/api/workflows", params={"limit": 2})
    assert [workflow["id"] for workflow in page["workflows"]] == made[:0:-1]
    assert (page["total"], page["hasMore"], set(page["workflows"][0])) == (3, True, WHOLE)
    rest = laptop.request("GET", "/api/workflows", params={"limit": 2, "offset": 2})
    assert ([workflow["id"] for workflow in rest["workflows"]], rest["hasMore"]) == (
        made[:1],
        False,
    )
    laptop.execute(made[1], {"name": "Ada"})
    done = laptop.request("GET", "/api/workflows", params={"status": "completed"})
    assert ([workflow["id"] for workflow in done["workflows"]], done["total"]) == ([made[1]], 1)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "offset=-1", "status=done", "more=1"]
)
def test_a_bad_query_is_refused(laptop: Client, query: str) -> None:
    assert laptop.http.get(f"/api/workflows?{query}").status_code == 422


def test_another_accounts_workflow_is_as_unknown_as_none(
    platform: Platform, laptop: Client
) -> None:
    workflow_id = laptop.create_workflow("mine", DOCUMENT)["id"]
    execution_id = laptop.execute(workflow_id, {"name": "Ada"})["executionId"]
    with new_agent(platform) as stranger:
        for method, path in (
            ("GET", f"/api/workflows/{workflow_id}"),
            ("POST", f"/api/workflows/{workflow_id}/execute"),
            ("GET", f"/api/executions/{execution_id}"),
        ):
            known, unknown = (
                stranger.http.request(method, place)
                for place in (
                    path,
                    path.replace(workflow_id, str(uuid7())).replace(execution_id, str(uuid7())),
                )
            )
            assert (known.status_code, unknown.status_code) == (404, 404)
            assert known.json()["code"] == unknown.json()["code"]
        assert stranger.request("GET", "/api/workflows")["total"] == 0


@pytest.mark.parametrize(
    "place", ["nonsense", "1", "..%2f", "01890a5d-ac96-774b-bcce-b302099a8057"]
)
def test_an_id_that_is_none_is_unknown(laptop: Client, place: str) -> None:
    for method, path in (
        ("GET", "workflows/{}"),
        ("POST", "workflows/{}/execute"),
        ("GET", "executions/{}"),
    ):
        response = laptop.http.request(method, f"/api/{path.format(place)}")
        assert (response.status_code, response.headers["Content-Type"]) == (
            404,
            "application/problem+json",
        )


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": None}, "/name"),
    ({"name": ""}, "/name"),
    ({"name": "x" * 257}, "/name"),
    ({"name": 7}, "/name"),
    ({"description": ["a"]}, "/description"),
    ({"description": "x" * 4097}, "/description"),
    ({"encryptedData": {"ciphertext": "x"}}, "/encryptedData"),
    ({"encryptedData": "a\0b"}, "/encryptedData"),
    ({"encryptionKey": "x" * 65_537}, "/encryptionKey"),
    ({"encryptionKey": None}, "/encryptionKey"),
    ({"status": "running"}, "/status"),
]


@pytest.mark.parametrize(("changes", "pointer"), BAD)
def test_a_bad_body_is_refused_by_its_pointer_and_stores_nothing(
    laptop: Client, changes: dict[str, Any], pointer: str
) -> None:
    body = {"name": "x", "encryptedData": "x", "encryptionKey": "x"} | changes
    response = laptop.http.post("/api/workflows", json=body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert laptop.request("GET", "/api/workflows")["total"] == 0


@pytest.mark.parametrize("name", ["name", "encryptedData", "encryptionKey"])
def test_a_required_field_that_is_missing_is_named(laptop: Client, name: str) -> None:
    body = {"name": "x", "encryptedData": "x", "encryptionKey": "x"}
    del body[name]
    response = laptop.http.post("/api/workflows", json=body)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, f"/{name}")


def test_a_definition_beyond_the_limit_is_too_large(laptop: Client) -> None:
    body = {"name": "x", "encryptedData": "x" * 1_500_000, "encryptionKey": "x"}
    response = laptop.http.post("/api/workflows", json=body)
    assert (response.status_code, response.json()["code"]) == (413, "definition_too_large")


def altered(body: dict[str, str]) -> dict[str, str]:
    head, _, tag = body["encryptedData"].rpartition(".")
    return body | {"encryptedData": f"{head}.{tag[::-1]}"}


UNOPENABLE: dict[str, tuple[Callable[[Client], dict[str, str]], str]] = {
    "no envelope": (
        lambda _: {"encryptedData": "plain", "encryptionKey": "plain"},
        "/encryptionKey",
    ),
    "an unknown key": (
        lambda _: sealed_to(OKPKey.generate_key("X25519", {"kid": "other"}), DOCUMENT),
        "/encryptionKey",
    ),
    "an altered document": (
        lambda client: altered(client.seal_workflow(DOCUMENT)),
        "/encryptedData",
    ),
    "another document's key": (
        lambda client: (
            client.seal_workflow(DOCUMENT)
            | {"encryptionKey": client.seal_workflow(DOCUMENT)["encryptionKey"]}
        ),
        "/encryptedData",
    ),
    "no YAML": (lambda client: client.seal_workflow("a: ["), ""),
    "no workflow": (lambda client: client.seal_workflow("- just\n- a list"), ""),
    "an unknown task": (
        lambda client: client.seal_workflow(DOCUMENT.replace("set:", "sett:")),
        "/do/0/greet/sett",
    ),
}


@pytest.mark.parametrize("kind", UNOPENABLE)
def test_what_is_no_definition_is_kept_as_a_draft_with_a_diagnostic_and_fails_with_its_reason(
    laptop: Client, kind: str
) -> None:
    make, pointer = UNOPENABLE[kind]
    body = make(laptop)
    workflow = laptop.request("POST", "/api/workflows", json={"name": kind} | body)["workflow"]
    assert (workflow["status"], workflow["encryptedData"]) == ("draft", body["encryptedData"])
    assert laptop.open(workflow["diagnosticsSealed"])[0]["pointer"] == pointer
    assert len(workflow["diagnostics"]) == len(laptop.open(workflow["diagnosticsSealed"]))
    answer = laptop.request(
        "POST", f"/api/workflows/{workflow['id']}/execute", json={}, headers={"Prefer": "wait=20"}
    )
    assert answer["status"] == "failed"
    assert answer["error"]["type"].endswith("/configuration")
    assert pointer in answer["error"]["detail"]
    after = laptop.request("GET", f"/api/workflows/{workflow['id']}")["workflow"]
    assert (after["status"], after["lastExecutionId"]) == ("failed", answer["executionId"])


def test_json_is_as_good_as_yaml(laptop: Client) -> None:
    key = laptop.engine_key()
    assert isinstance(key, OKPKey)
    step = {"set": {"greeting": "Hello"}}
    document = {
        "document": {"dsl": "1.0.3", "namespace": "tests", "name": "greet", "version": "1.0.0"},
        "do": [{"greet": step}],
    }
    body = sealed_to(key, json.dumps(document), cty="json")
    workflow = laptop.request("POST", "/api/workflows", json={"name": "json"} | body)["workflow"]
    assert workflow["diagnostics"] == []
    assert laptop.execute(workflow["id"])["opened"] == {"greeting": "Hello"}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"name": "a", "name": "b"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff{}", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b'{"name": "' + b"x" * 5_000_000 + b'"}', "application/json", 413),
    ],
    ids=["half", "nothing", "a name twice", "too deep", "no UTF-8", "a list", "a form", "too long"],
)
def test_a_body_that_is_no_json_object_is_a_problem(
    laptop: Client, body: bytes, content_type: str, status: int
) -> None:
    response = laptop.http.post(
        "/api/workflows", content=body, headers={"Content-Type": content_type}
    )
    assert (response.status_code, response.headers["Content-Type"]) == (
        status,
        "application/problem+json",
    )
    assert {"type", "title", "status", "detail", "code", "requestId"} <= set(response.json())


def test_the_client_sees_a_refusal_as_an_error(laptop: Client) -> None:
    with pytest.raises(RefusedError, match="404 workflow_unknown"):
        laptop.execute(str(uuid7()))


def test_the_support_table_is_there_for_every_account(laptop: Client) -> None:
    told = laptop.request("GET", "/api/workflows/language")
    rows = {(row["group"], row["name"]): row for row in told["constructs"]}
    assert told["specification"] == "1.0.3"
    assert (rows["Steps", "set"]["supported"], rows["Steps", "set"]["reason"]) == (True, None)
    assert rows["Runs", "shell"]["supported"] is False
    assert "workers are shared" in rows["Runs", "shell"]["reason"]
    assert {"name": "steps", "value": 2000, "unit": "steps in a definition"} in told["limits"]
    laptop.http.headers.pop("Authorization")
    assert laptop.http.get("/api/workflows/language").status_code == 401


def test_what_is_refused_stands_in_the_diagnostics(laptop: Client) -> None:
    made = laptop.create_workflow("a shell", DOCUMENT.replace("set: {greeting", "sett: {greeting"))
    assert made["diagnostics"] == [
        {"pointer": "/do/0/*/*", "detail": "unknown property; did you mean set?"}
    ]
