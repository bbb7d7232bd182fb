"""OpenAPI 3.1 document: flask-smorest generates it, this module adds what all routes share."""

from __future__ import annotations

from typing import Any

from flask import Flask

from web.extensions import api
from web.schemas.strict import ProblemDocument

CONFIG = {
    "API_TITLE": "Cloud API",
    "API_VERSION": "1.0.0",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api",
    "OPENAPI_JSON_PATH": "openapi.json",
}
AGENT_ID = {
    "name": "X-Agent-ID",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,128}$"},
}
METHODS = {"get", "post", "put", "patch", "delete"}


def complete(app: Flask) -> None:
    """Add the security scheme, the agent's header and the problem response to every operation."""
    spec = api.spec
    spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    )
    if "Problem" not in spec.components.schemas:
        spec.components.schema("Problem", schema=ProblemDocument)
    for key, name in api.ma_plugin.converter.refs.items():
        _merge(spec.components.schemas[name], getattr(key[0], "document", {}))
    protected_paths = {
        _remove_names(str(rule.rule))
        for rule in app.url_map.iter_rules()
        if _requires_authentication(app, rule.endpoint)
    }
    for path, operations in spec._paths.items():  # noqa: SLF001 - apispec has no public accessor
        requires_token = _remove_names(path) in protected_paths
        for method, operation in operations.items():
            if method in METHODS:
                _complete_operation(operation, requires_token=requires_token)


def _complete_operation(operation: dict[str, Any], *, requires_token: bool) -> None:
    parameters = operation.setdefault("parameters", [])
    parameters.append(AGENT_ID | {"required": requires_token})
    operation["security"] = [{"bearer": []}] if requires_token else []
    answers = operation.setdefault("responses", {})
    for status in [status for status in answers if not status.isdigit() or int(status) >= 400]:  # noqa: PLR2004
        del answers[status]
    answers["default"] = {
        "description": "A problem (RFC 9457)",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }


def _merge(schema: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(schema.get(name), dict):
            _merge(schema[name], value)
        else:
            schema[name] = value


def _requires_authentication(app: Flask, endpoint: str) -> bool:
    checks = app.before_request_funcs.get(endpoint.rpartition(".")[0], [])
    return any(check.__module__ == "web.http.authentication" for check in checks)


def _remove_names(path: str) -> str:
    """Return a path without the names of its parameters: Flask's <uuid:id>, OpenAPI's {id}."""
    return "/".join("{}" if part.startswith(("<", "{")) else part for part in path.split("/"))
