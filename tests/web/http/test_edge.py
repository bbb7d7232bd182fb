"""Checks before every route: origins, methods, proxies, and clients without a token."""

import pytest
from flask import Flask, request

from tests.support.web.people import Make, Person
from web.http.rate_limits import network_of
from web.realtime.flask_bridge import BridgedRequest, make_environ

pytestmark = pytest.mark.stack


PAGE = "https://app.example.org"


def preflight(app: Flask, path: str, origin: str) -> dict[str, str]:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, x-agent-id, content-type",
    }
    answer = app.test_client().options(path, headers=asked)
    assert answer.status_code == 200
    return dict(answer.headers)


def test_a_page_of_the_setting_may_call_and_any_other_may_not(make: Make) -> None:
    app = make(CORS_ORIGINS=f"{PAGE}, https://other.example.org")
    for path in ("/api/auth/login", "/api/sync/push", "/api/workflows"):
        allowed = preflight(app, path, PAGE)
        assert allowed["Access-Control-Allow-Origin"] == PAGE
        assert "POST" in allowed["Access-Control-Allow-Methods"]
        assert "x-agent-id" in allowed["Access-Control-Allow-Headers"].lower()
        assert "Access-Control-Allow-Credentials" not in allowed
    for origin in (
        "https://evil.example.org",
        f"{PAGE}.evil.example",
        "null",
        "https://appXexample.org",
    ):
        assert "Access-Control-Allow-Origin" not in preflight(app, "/api/sync/push", origin)


def test_a_refusal_can_be_read_by_the_page_too(make: Make) -> None:
    answer = make(CORS_ORIGINS=PAGE).test_client().get("/api/sync/pull", headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, PAGE)
    assert "RateLimit" in answer.headers["Access-Control-Expose-Headers"]


def test_without_the_setting_no_page_may_call(app: Flask) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(app, "/api/sync/push", PAGE)


def test_head_answers_as_get_does_without_a_body(app: Flask, person: Person) -> None:
    for path in ("/api/auth/me", "/api/sync/pull", "/api/workflows", "/health/live"):
        client = app.test_client()
        got, headed = (
            getattr(client, method)(path, headers=person.headers) for method in ("get", "head")
        )
        assert (headed.status_code, headed.data) == (200, b"")
        assert headed.headers["Content-Type"] == got.headers["Content-Type"]
        assert headed.headers["Content-Length"] == got.headers["Content-Length"]


def test_options_says_what_is_possible_to_anybody(app: Flask) -> None:
    answer = app.test_client().options("/api/auth/me")
    assert (answer.status_code, answer.data) == (200, b"")
    assert {"GET", "HEAD", "PATCH", "DELETE"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", ["/api/sync/pull", "/nowhere", "/api/openapi.json"])
def test_guessing_at_tokens_or_paths_is_limited_by_address(make: Make, path: str) -> None:
    client = make(LIMIT_GENERAL_PER_MINUTE="3").test_client()
    address = {
        "REMOTE_ADDR": f"192.0.2.{['/api/sync/pull', '/nowhere', '/api/openapi.json'].index(path)}"
    }
    headers = {"Authorization": "Bearer guess", "X-Agent-ID": "laptop"}
    statuses = [
        client.get(path, headers=headers, environ_overrides=address).status_code for _ in range(4)
    ]
    assert (len(set(statuses[:3])), statuses[3]) == (1, 429)


def test_who_guesses_does_not_use_up_the_accounts_window(make: Make, person: Person) -> None:
    client = make(LIMIT_GENERAL_PER_MINUTE="3").test_client()
    address = {"REMOTE_ADDR": "192.0.2.77"}
    for _ in range(4):
        client.get("/api/auth/me", environ_overrides=address)
    assert (
        client.get("/api/auth/me", headers=person.headers, environ_overrides=address).status_code
        == 200
    )


@pytest.mark.parametrize(
    ("hops", "forwarded", "counted"),
    [
        ("0", "198.51.100.1", "192.0.2.90"),
        ("1", "198.51.100.1", "198.51.100.1"),
        ("1", "203.0.113.9, 198.51.100.2", "198.51.100.2"),
        ("2", "198.51.100.3, 203.0.113.9", "198.51.100.3"),
    ],
)
def test_the_clients_address_is_what_exactly_so_many_proxies_say(
    make: Make, hops: str, forwarded: str, counted: str
) -> None:
    seen: list[str | None] = []
    app = make(PROXY_HOPS=hops)
    app.before_request(lambda: seen.append(request.remote_addr))
    app.test_client().get(
        "/health/live",
        headers={"X-Forwarded-For": forwarded},
        environ_overrides={"REMOTE_ADDR": "192.0.2.90"},
    )
    assert seen == [counted]


def test_streams_read_the_headers_that_flask_reads(make: Make) -> None:
    """`X_Forwarded_For` is the client's own word, wherever the request is answered."""
    headers = [
        (b"host", b"here"),
        (b"x_forwarded_for", b"203.0.113.1"),
        (b"x-forwarded-for", b"203.0.113.2"),
        (b"x-forwarded-for", b"198.51.100.1"),
        (b"x_agent_id", b"another"),
    ]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/sync/events",
        "raw_path": b"/api/sync/events",
        "query_string": b"since=%C3%A9",
        "http_version": "1.1",
        "scheme": "http",
        "client": ("192.0.2.90", 1),
        "headers": headers,
    }
    for hops, address in (("0", "192.0.2.90"), ("1", "198.51.100.1"), ("2", "203.0.113.2")):
        app = make(PROXY_HOPS=hops)
        environ = BridgedRequest.from_scope(app, scope).environ
        seen = app.request_class(environ)
        assert seen.remote_addr == address
        assert seen.headers.get("X-Agent-ID") is None
        assert make_environ(scope)["HTTP_X_FORWARDED_FOR"] == "203.0.113.2,198.51.100.1"


@pytest.mark.parametrize(
    ("hops", "forwarded", "warnings"),
    [
        ("0", None, None),
        ("0", "198.51.100.1", ["proxy_not_trusted"]),
        ("1", "198.51.100.1", None),
        ("1", None, None),
        ("2", "198.51.100.1", ["proxy_hops_too_many"]),
    ],
)
def test_a_process_warns_of_proxies_that_its_setting_does_not_know(
    make: Make, hops: str, forwarded: str | None, warnings: list[str] | None
) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    ready = make(PROXY_HOPS=hops).test_client().get("/health/ready", headers=headers)
    found = ready.get_json().get("warnings", [])
    assert [one for one in found if one.startswith("proxy_")] == (warnings or [])


def test_browsers_stay_with_tls_where_it_is_spoken(make: Make) -> None:
    client = make(PROXY_HOPS="1").test_client()
    for path in ("/health/live", "/nowhere", "/api/auth/me"):
        plain = client.get(path)
        assert "Strict-Transport-Security" not in plain.headers
        encrypted = client.get(path, headers={"X-Forwarded-Proto": "https"})
        policy = encrypted.headers["Strict-Transport-Security"]
        assert policy == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("unix:", "nowhere"),
        (None, "nowhere"),
    ],
)
def test_an_address_counts_as_itself_whatever_the_socket(address: str | None, network: str) -> None:
    assert network_of(address) == network
