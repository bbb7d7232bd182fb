"""What every route owes: a guard, a limit, a place in the documents, problems for errors."""

import re

import pytest
from flask import Flask
from flask_limiter import Limiter
from werkzeug.routing import Rule

pytestmark = pytest.mark.stack


PUBLIC = {
    "/api/auth/register",
    "/api/auth/login",
    "/api/auth/refresh",
    "/health/live",
    "/health/ready",
    "/.well-known/jwks.json",
    "/docs",
    "/metrics",
}
DOCUMENTS = {"/api/openapi.json", "/static/<path:filename>"}


def ours(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.rule not in DOCUMENTS]


def checks(app: Flask, rule: Rule) -> list[str]:
    guards = app.before_request_funcs.get(rule.endpoint.rpartition(".")[0], [])
    return [check.__module__ for check in guards]


def test_every_route_is_guarded_or_listed_as_public(app: Flask) -> None:
    unguarded_routes = {
        rule.rule for rule in ours(app) if "web.http.authentication" not in checks(app, rule)
    }
    assert unguarded_routes == PUBLIC


def limits_of(app: Flask, rule: Rule) -> list[str]:
    """Return the scopes of all limits that Flask-Limiter finds for a route."""
    limiter: Limiter = app.extensions["rate_limiter"]
    with app.test_request_context():
        defaults, own = limiter.limit_manager.resolve_limits(
            app, rule.endpoint, rule.endpoint.rpartition(".")[0], in_middleware=True
        )
        return [limit.scope_for(rule.endpoint, None) for limit in [*defaults, *own]]


def test_every_route_has_one_limit_its_areas(app: Flask) -> None:
    areas = {"auth", "sync", "workflows", "general"}
    limits_by_rule = {rule.rule: limits_of(app, rule) for rule in ours(app)}
    assert {
        rule: limits
        for rule, limits in limits_by_rule.items()
        if len(limits) != 1 or limits[0] not in areas
    } == {}
    assert {limits[0] for limits in limits_by_rule.values()} == areas


def test_no_route_is_limited_by_flask_limiters_default(app: Flask) -> None:
    limiter: Limiter = app.extensions["rate_limiter"]
    blueprints = {rule.endpoint.rpartition(".")[0] for rule in ours(app)}
    with app.test_request_context():
        assert not [
            name for name in blueprints if not limiter.limit_manager.blueprint_limits(app, name)
        ]


def test_every_route_is_documented_with_its_problems(app: Flask) -> None:
    document = app.test_client().get("/api/openapi.json").get_json()
    for rule in ours(app):
        path = document["paths"][re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)]
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert (
                "application/problem+json"
                in path[method.lower()]["responses"]["default"]["content"]
            )


@pytest.mark.parametrize("method", ["PATCH", "TRACE"])
def test_a_method_a_route_does_not_know_is_a_problem_that_names_those_it_does(
    app: Flask, method: str
) -> None:
    answer = app.test_client().open("/api/auth/login", method=method)
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert "POST" in answer.headers["Allow"]
