"""Constructs of calls and of their authentication."""

from __future__ import annotations

from typing import Any

from bin.devtools.docs.support_table.construct import (
    Construct,
    call_document,
    document_with,
    task_document,
)

_AT = "https://example.org/"
_OPERATION = {"document": {"endpoint": _AT}, "operation": "greet"}
_OAUTH = {"authority": _AT, "grant": "client_credentials", "client": {"id": "a", "secret": "b"}}
_MCP = {"method": "tools/list"}

CALLS = [
    Construct(
        "Calls",
        "http",
        call_document("http", method="get", endpoint=_AT),
        "JSON and text bodies, headers, query, redirect, output as content, response or raw",
    ),
    Construct(
        "Calls",
        "openapi",
        call_document("openapi", document={"endpoint": _AT}, operationId="find"),
        "OpenAPI 3.0, 3.1 and Swagger 2.0, as JSON (8 MiB) or YAML (1 MiB); parameters of every"
        " place and style; server variables and API keys as arguments; bodies as JSON, form,"
        " multipart or text; references inside the description; other arguments are the body, or"
        " refused without one",
    ),
    Construct(
        "Calls",
        "mcp over http",
        call_document("mcp", **_MCP, transport={"http": {"endpoint": _AT}}),
        "streamable HTTP, answers as JSON or events; every method; revisions 2025-03-26,"
        " 2025-06-18 and 2025-11-25 with sessions, 2026-07-28 without; requests of the server get"
        " no answer; up to 300 s",
    ),
    Construct(
        "Calls",
        "mcp over stdio",
        call_document("mcp", **_MCP, transport={"stdio": {"command": "true"}}),
    ),
    Construct(
        "Calls",
        "a2a",
        call_document("a2a", method="tasks/get", server=_AT, parameters={"id": "1"}),
        "JSON-RPC over HTTP, streams as arrays; all methods; an agent's card by its first JSON-RPC"
        " address; credentials stay within the card's origin; up to 300 s",
    ),
    Construct(
        "Calls",
        "grpc",
        call_document(
            "grpc",
            proto={"endpoint": _AT},
            service={"name": "Greeter", "host": "localhost"},
            method="Greet",
        ),
        "by a proto of one file (256 KiB) and Google's well-known types; one message out, one"
        " back, or a stream as an array; values as ProtoJSON; TLS but at hosts an operator opened;"
        " basic and bearer; up to 30 s",
    ),
    Construct(
        "Calls",
        "asyncapi, publishing",
        call_document("asyncapi", **_OPERATION, message={"payload": {}}),
        "AsyncAPI 2 and 3, as JSON (8 MiB) or YAML (1 MiB); over http, redis (publish and"
        " subscribe), mqtt 3.1.1 and amqp 0.9.1 (a queue, or an exchange with a routing key;"
        " confirmed by the broker), with TLS or without; payload and headers validated by the"
        " message's schema (JSON Schema); basic, and for http bearer and digest",
    ),
    Construct(
        "Calls",
        "asyncapi, subscribing",
        call_document("asyncapi", **_OPERATION, subscription={"consume": {"amount": 1}}),
        "amount, while, until, each with for; filter; foreach; over http the events of a stream or"
        " the items of an array; over redis, mqtt and an exchange of amqp at most once: what a"
        " broker tells while no worker is subscribed is not consumed; from a queue of amqp at"
        " least once, acknowledged when the execution has it",
    ),
    Construct(
        "Calls",
        "asyncapi, other protocols",
        call_document("asyncapi", **_OPERATION, protocol="kafka", message={"payload": {}}),
    ),
    Construct(
        "Calls",
        "a function of the document",
        document_with(
            use={"functions": {"hello": {"set": {"a": 1}}}},
            do=[{"step": {"call": "hello"}}],
        ),
        "a step with a name, with its arguments as input",
    ),
    Construct(
        "Calls",
        "a function of a catalog",
        task_document(call="log:1.0.0@default"),
        "by name and version",
    ),
]


def _authentication_document(**policy: Any) -> dict[str, Any]:
    return call_document("http", method="get", endpoint={"uri": _AT, "authentication": policy})


_BASIC = {"username": "a", "password": "b"}

AUTHENTICATIONS = [
    Construct("Authentications", "basic", _authentication_document(basic=_BASIC), "RFC 7617"),
    Construct(
        "Authentications", "bearer", _authentication_document(bearer={"token": "a"}), "RFC 6750"
    ),
    Construct("Authentications", "digest", _authentication_document(digest=_BASIC), "RFC 7616"),
    Construct("Authentications", "oauth2", _authentication_document(oauth2=_OAUTH), "RFC 6749"),
    Construct("Authentications", "oidc", _authentication_document(oidc=_OAUTH), "OpenID Connect"),
    Construct(
        "Authentications",
        "by name",
        document_with(
            use={"authentications": {"mine": {"bearer": {"token": "a"}}}},
            do=[
                {
                    "step": {
                        "call": "http",
                        "with": {
                            "method": "get",
                            "endpoint": {"uri": _AT, "authentication": {"use": "mine"}},
                        },
                    }
                }
            ],
        ),
        "a policy under use.authentications",
    ),
    Construct(
        "Authentications",
        "from a secret",
        {**_authentication_document(basic={"use": "mine"}), "use": {"secrets": ["mine"]}},
        "a policy whose members are those of a secret",
    ),
]
