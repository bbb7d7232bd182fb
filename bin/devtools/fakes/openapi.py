"""HTTP service with a description in every version of OpenAPI; it returns its requests."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

API = "api.example.org"

Answer = tuple[int, dict[str, str], bytes]

_PETS = {
    "parameters": [{"$ref": "#/components/parameters/shop"}],
    "get": {
        "operationId": "findPets",
        "parameters": [
            {"name": "tags", "in": "query", "schema": {"type": "array"}},
            {"name": "ids", "in": "query", "explode": False, "schema": {"type": "array"}},
            {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
            {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
            {"name": "theme", "in": "cookie", "schema": {"type": "string"}},
        ],
    },
    "post": {
        "operationId": "addPet",
        "security": [{"key": []}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
    },
}
_DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "servers": [
        {
            "url": f"https://{API}/{{stage}}",
            "variables": {"stage": {"default": "v1", "enum": ["v1", "v2"]}},
        }
    ],
    "paths": {
        "/shops/{shop}/pets": _PETS,
        "/form": {
            "post": {
                "operationId": "fillForm",
                "requestBody": {"$ref": "#/components/requestBodies/form"},
            }
        },
        "/moved": {"get": {"operationId": "moved"}},
        "/refused": {"get": {"operationId": "refused"}},
    },
    "components": {
        "parameters": {
            "shop": {"name": "shop", "in": "path", "required": True, "schema": {"type": "string"}}
        },
        "requestBodies": {
            "form": {
                "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}
            }
        },
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    },
}
_SWAGGER = {
    "swagger": "2.0",
    "host": API,
    "basePath": "/v0",
    "schemes": ["https"],
    "consumes": ["application/x-www-form-urlencoded"],
    "paths": {
        "/old/{id}": {
            "put": {
                "operationId": "change",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "type": "string"},
                    {"name": "tags", "in": "query", "type": "array", "collectionFormat": "pipes"},
                    {"name": "name", "in": "formData", "type": "string"},
                ],
            }
        }
    },
}
_YAML = f"""
openapi: 3.0.3
info: {{ title: Pets, version: '1' }}
servers: [ {{ url: https://{API}/yaml }} ]
paths:
  /on:
    get: {{ operationId: findPets }}
"""


def answer(method: str, path: str, headers: Message, body: bytes) -> Answer:
    """Return the answer of the service: status, headers, body."""
    kind = {"content-type": "application/json"}
    url = urlsplit(path)
    if url.path == "/openapi.yaml":
        return 200, {"content-type": "application/yaml"}, _YAML.encode()
    if url.path in ("/openapi.json", "/swagger.json"):
        return 200, kind, json.dumps(_SWAGGER if "swagger" in path else _DESCRIPTION).encode()
    if url.path.endswith("/moved"):
        return 302, {"location": "/arrived"}, b""
    if url.path.endswith("/refused"):
        return 403, kind, b"{}"
    names = ("X-Trace", "X-Key", "Cookie", "Content-Type", "Authorization")
    echo_headers = {name.lower(): headers[name] for name in names if name in headers}
    echo = {
        "method": method,
        "path": url.path,
        "query": url.query,
        "headers": echo_headers,
        "body": body.decode(),
    }
    return 200, kind, json.dumps(echo).encode()
