"""Documents of services: a child process reads large ones, with the same result."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from engine.calls.asyncapi.document import Route, find_route
from engine.calls.descriptions import commands, reader
from engine.contracts.calls import AsyncApiCall, HttpCall
from engine.egress.guard import Answer

pytestmark = pytest.mark.unit

PADDING = "x" * reader.THREAD_BYTES_MAX
OPENAPI = {
    "openapi": "3.1.0",
    "servers": [{"url": "/v1"}],
    "paths": {"/things/{id}": {"$ref": "#/components/pathItems/thing"}},
    "components": {
        "pathItems": {
            "thing": {
                "parameters": [{"name": "id", "in": "path"}],
                "post": {"operationId": "change", "requestBody": {"content": {}}},
            }
        }
    },
}
COMPOSE = {"base": "https://api.test/d", "operation_id": "change", "arguments": {"id": 7, "a": "ä"}}
SCHEMAS = {
    "Order": {"properties": {"item": {"$ref": "#/components/schemas/Item~1v1"}}},
    "Item/v1": {"$ref": "#/components/schemas/Order"},
    "Other": {"type": "null"},
}
ASYNCAPI = {
    "asyncapi": "3.0.0",
    "servers": {"main": {"host": "broker.test", "protocol": "amqp"}},
    "channels": {"orders": {"address": "orders/{place}", "parameters": {"place": {}}}},
    "operations": {
        "send": {
            "channel": {"$ref": "#/channels/orders"},
            "messages": [
                {
                    "contentType": "application/json",
                    "correlationId": {"location": "$message.header#/ids/first"},
                    "bindings": {"amqp": {"messageType": "order"}},
                    "payload": {"$ref": "#/components/schemas/Order"},
                }
            ],
        }
    },
    "components": {"schemas": SCHEMAS},
}
CALL = AsyncApiCall(
    document=HttpCall("GET", ""),
    operation="send",
    channel=None,
    server=None,
    protocol=None,
    variables={"place": "here"},
    authentication=None,
    timeout_seconds=5.0,
    message={"payload": {}},
)


def answered(document: dict[str, Any], *, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(document).encode(), "https://api.test/d")


@pytest.fixture(params=[{}, {"x-padding": PADDING}], ids=["thread", "child"])
def padding(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return members that leave a document small, or make it large."""
    members: dict[str, Any] = request.param
    return members


async def find(document: dict[str, Any], call: AsyncApiCall = CALL) -> Route:
    arguments = commands.route_arguments(call)
    members = await reader.execute(commands.FIND_ROUTE, answered(document), arguments)
    return commands.build_route(members)


async def test_an_operation_is_composed(padding: dict[str, Any]) -> None:
    members = await reader.execute(commands.COMPOSE, answered(OPENAPI | padding), COMPOSE)
    call = HttpCall(**members)
    assert (call.method, call.uri) == ("POST", "https://api.test/v1/things/7")
    assert json.loads(call.body) == {"a": "ä"}


async def test_a_route_is_found(padding: dict[str, Any]) -> None:
    route = await find(ASYNCAPI | padding)
    assert route == find_route(ASYNCAPI, CALL)
    assert (route.address, route.message) == ("orders/here", {"messageType": "order"})
    assert route.correlations == [("headers", ["ids", "first"])]


async def test_a_schema_brings_what_it_refers_to_and_nothing_else() -> None:
    route = await find(ASYNCAPI)
    assert route.payload_schema == {
        "anyOf": [{"$ref": "#/components/schemas/Order"}],
        "components": {"schemas": {name: SCHEMAS[name] for name in ("Order", "Item/v1")}},
    }
    assert route.headers_schema is None
    assert (await find(ASYNCAPI, replace(CALL, message=None))).payload_schema is None


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        ({"openapi": "3.1.0"}, "no operation change"),
        ({"openapi": "3.1.0", "paths": [1]}, "the service's description is malformed"),
        ({"asyncapi": "3.0.0"}, "is no OpenAPI document"),
    ],
)
async def test_a_document_without_the_operation_is_an_error(
    padding: dict[str, Any], document: dict[str, Any], detail: str
) -> None:
    with pytest.raises(ValueError, match=detail):
        await reader.execute(commands.COMPOSE, answered(document | padding), COMPOSE)


async def test_a_text_that_is_no_json_is_an_error() -> None:
    for text in (b"{", b"{" + PADDING.encode()):
        answer = replace(answered({}), body=text)
        with pytest.raises(ValueError, match="description cannot be read"):
            await reader.execute(commands.COMPOSE, answer, COMPOSE)


async def test_a_document_that_takes_too_long_ends_its_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "WALL_SECONDS_MAX", 0.0)
    with pytest.raises(ValueError, match="more time or memory than allowed"):
        await reader.execute(commands.COMPOSE, answered(OPENAPI | {"x": PADDING}), COMPOSE)


async def test_an_answer_without_a_document_is_a_failure() -> None:
    with pytest.raises(ApplicationError, match="the server answered 404"):
        await reader.execute(commands.COMPOSE, answered({}, status=404), COMPOSE)


async def test_an_operation_has_a_limited_number_of_messages() -> None:
    messages: dict[str, Any] = {f"m{n}": {} for n in range(101)}
    channels = {"orders": {"address": "orders", "messages": messages}}
    operations = {"send": {"channel": {"$ref": "#/channels/orders"}}}
    with pytest.raises(ValueError, match="at most 100 messages"):
        await find(ASYNCAPI | {"channels": channels, "operations": operations})
