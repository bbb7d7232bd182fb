"""Every route with an object's id answers another account as if the object did not exist."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.attack import Account, protect, register
from tests.support.platform import Platform
from tests.support.receivers import Receiver

pytestmark = pytest.mark.platform


BODIES: dict[tuple[str, str], Any] = {
    ("post", "/api/workflows/{definition_id}/execute"): {},
    ("post", "/api/executions/{execution_id}/retry"): {},
    ("put", "/api/workflows/{definition_id}"): {
        "name": "mine",
        "encryptedData": "x",
        "encryptionKey": "-",
    },
    ("patch", "/api/agents/{agent_id}"): {"name": "mine now"},
    ("put", "/api/secrets/{name}"): {"value": "mine now"},
    ("patch", "/api/channels/{channel_id}"): {"rotateSecret": True},
    ("patch", "/api/schedules/{schedule_id}"): {"note": "mine now"},
    ("post", "/api/schedules/{schedule_id}/backfill"): {
        "since": "2026-01-01T00:00:00Z",
        "until": "2026-01-01T01:00:00Z",
    },
    ("post", "/api/auth/mfa/totp/{factor_id}/confirm"): {"code": "000000"},
}
# Asked by its owner these would end what the other routes are to find.
ONCE = {"delete"}


def routes(http: httpx2.Client) -> Iterator[tuple[str, str]]:
    """Yield the operations that name an object, from the API's own document."""
    for path, operations in http.get("/api/openapi.json").json()["paths"].items():
        if "{" in path:
            yield from (
                (method, path) for method in operations if method not in {"parameters", "head"}
            )


@pytest.fixture(scope="module")
def owner(platform: Platform, receiver: Receiver) -> tuple[Account, dict[str, str]]:
    """An account with one object of every kind, and their ids by the routes' parameters."""
    with httpx2.Client(base_url=platform.api_url, timeout=40) as http:
        account = register(http)
        hook = {"kind": "webhook", "url": receiver.box().url}
        channel = http.post("/api/channels", json=hook, headers=account.headers).json()
        http.put(
            "/api/secrets/token", json={"value": "x"}, headers=account.headers
        ).raise_for_status()
        draft = {"name": "draft", "encryptedData": "x", "encryptionKey": "-"}
        workflow = (
            http.post("/api/workflows", json=draft, headers=account.headers)
            .raise_for_status()
            .json()
        )
        path = f"/api/workflows/{workflow['workflow']['id']}/execute"
        run = http.post(path, json={}, headers=account.headers).raise_for_status().json()
        when = {"workflowId": workflow["workflow"]["id"], "cron": "0 0 1 1 *"}
        schedule = (
            http.post("/api/schedules", json=when, headers=account.headers)
            .raise_for_status()
            .json()
        )
        job_body = {"action": "cancel", "query": {}}
        job = (
            http.post("/api/bulk", json=job_body, headers=account.headers).raise_for_status().json()
        )
        factor = http.post("/api/auth/mfa/totp", headers=account.headers).raise_for_status().json()
        state = {"type": "settings", "entityId": "theme", "encryptedData": "x", "version": "1"}
        clock = {"vectorClock": {account.headers["X-Agent-ID"]: 1}}
        http.post("/api/sync/push", json=state | clock, headers=account.headers).raise_for_status()
        sessions = http.get("/api/auth/sessions", headers=account.headers).json()["sessions"]
        body = {"email": account.email, "password": "a long pass phrase"}
        http.post("/api/auth/login", json=body, headers={"X-Agent-ID": "phone"}).raise_for_status()
    return account, {
        "channel_id": channel["channel"]["id"],
        "definition_id": workflow["workflow"]["id"],
        "version": "1",
        "execution_id": run["executionId"],
        "schedule_id": schedule["id"],
        "job_id": job["id"],
        "session_id": sessions[0]["id"],
        "agent_id": "phone",
        "factor_id": factor["id"],
        "name": "token",
        "kind": "settings",
        "entity_id": "theme",
    }


def ask(
    http: httpx2.Client, who: Account, method: str, path: str, ids: dict[str, str]
) -> httpx2.Response:
    url = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], path)
    headers = who.headers | {"If-Match": "*"}
    return http.request(method, url, json=BODIES.get((method, path)), headers=headers)


def test_no_route_shows_or_changes_what_is_anothers(
    http: httpx2.Client, owner: tuple[Account, dict[str, str]]
) -> None:
    stranger, count = register(http), 0
    for method, path in routes(http):
        answer = ask(http, stranger, method, path, owner[1])
        assert answer.status_code == 404, (method, path, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        count += 1
    assert count >= 13


def test_their_owner_finds_them(http: httpx2.Client, owner: tuple[Account, dict[str, str]]) -> None:
    """So that the refusals above are refusals of strangers."""
    account, ids = owner
    for method, path in routes(http):
        if method not in ONCE:
            answer = ask(http, account, method, path, ids)
            assert answer.status_code != 404, (method, path, answer.text)


def test_a_strangers_confirmed_factor_is_not_found_either(http: httpx2.Client) -> None:
    owner, stranger = register(http), register(http)
    factor_id = protect(http, owner)
    assert http.delete(f"/api/auth/mfa/{factor_id}", headers=stranger.headers).status_code == 404
    assert len(http.get("/api/auth/mfa", headers=owner.headers).json()["factors"]) == 1
