"""Health, public keys, OpenAPI document, and requests to unknown addresses."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.platform import Platform, new_agent


@pytest.mark.platform
def test_a_ready_process_says_so_of_each_part(platform: Platform) -> None:
    with new_agent(platform) as client:
        ready = client.http.get("/health/ready")
        part = {"ok": True}
        assert ready.json() == {"ready": True, "database": part, "redis": part, "temporal": part}
        assert client.http.get("/health/live").json() == {"live": True}


@pytest.mark.stack
def test_the_published_keys_are_public_and_of_both_uses(client: FlaskClient) -> None:
    keys = client.get("/.well-known/jwks.json").get_json()["keys"]
    assert {key["use"] for key in keys} == {"sig", "enc"}
    assert all(key["kid"] and not {"d", "k", "p", "q"} & set(key) for key in keys)


@pytest.mark.stack
def test_the_api_is_described_in_openapi_3_1(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    assert document["openapi"].startswith("3.1.")
    asked: set[tuple[str, str]] = {
        ("post", "/api/auth/register"),
        ("post", "/api/auth/login"),
        ("post", "/api/auth/refresh"),
        ("post", "/api/sync/push"),
        ("get", "/api/sync/pull"),
        ("get", "/api/workflows"),
        ("post", "/api/workflows"),
        ("post", "/api/workflows/{definition_id}/execute"),
    }
    described = {
        (method, path) for path, methods in document["paths"].items() for method in methods
    }
    assert asked <= described


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*(references(member) for member in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


@pytest.mark.stack
def test_every_reference_of_the_document_leads_somewhere(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    found = references(document)
    assert found
    for reference in found:
        place = document
        for segment in reference.removeprefix("#/").split("/"):
            place = place[segment]


@pytest.mark.stack
def test_the_docs_page_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    with client.get("/docs") as page:
        assert page.content_type.startswith("text/html")
        links = re.findall(r'(?:src|href)="([^"]+)"', page.get_data(as_text=True))
    assert links
    assert [link for link in links if link.startswith(("http:", "https:", "//"))] == []
    for link in links:
        if link.startswith("/"):
            with client.get(link) as asset:
                assert asset.status_code == 200, link


@pytest.mark.stack
@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/nothing", "/api/workflows/", "/static/../conftest.py"]
)
def test_a_path_that_leads_nowhere_is_a_problem(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert answer.get_json()["code"] == "not_found"


@pytest.mark.stack
def test_an_error_nobody_expected_tells_the_client_nothing_of_it(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise RuntimeError("a secret")

    monkeypatch.setitem(app.view_functions, "health.live", broken)
    answer = client.get("/health/live", headers={"X-Request-ID": "one"})
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.get_json()["requestId"] == answer.headers["X-Request-ID"] == "one"
