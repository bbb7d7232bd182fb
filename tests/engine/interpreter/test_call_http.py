from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from engine.language.errors import TYPES
from tests.support.interpreter.executions import Execute

pytestmark = pytest.mark.stack


def call(port: int, path: str = "/", **arguments: Any) -> list[dict[str, Any]]:
    endpoint = arguments.pop("endpoint", f"http://127.0.0.1:{port}{path}")
    return [{"ask": {"call": "http", "with": {"method": "get", "endpoint": endpoint, **arguments}}}]


async def test_a_call_sends_what_the_definition_says(execute: Execute, service: int) -> None:
    arguments = {
        "method": "post",
        "headers": {"X-Count": "${ .count }"},
        "query": {"q": "${ .text }", "many": ["a", "b"]},
        "body": {"n": "${ .count + 1 }"},
    }
    execution = await execute(
        call(service, "/pets/{text}", **arguments), {"count": 1, "text": "a/b &?"}
    )
    request = execution.output
    assert (request["method"], request["path"]) == ("POST", "/pets/a%2Fb%20%26%3F")
    assert request["query"] == {"q": ["a/b &?"], "many": ["a", "b"]}
    assert json.loads(request["body"]) == {"n": 2}
    assert (request["headers"]["x-count"], request["headers"]["content-type"]) == (
        "1",
        "application/json",
    )


@pytest.mark.parametrize(
    ("policy", "header"),
    [
        (
            {"basic": {"username": "u", "password": "${ .p }"}},
            "Basic " + base64.b64encode(b"u:s3").decode(),
        ),
        ({"bearer": {"token": "${ .p }"}}, "Bearer s3"),
        ({"use": "mine"}, "Bearer s3"),
    ],
)
async def test_a_call_authenticates_and_its_response_does_not_show_how(
    execute: Execute, service: int, policy: dict[str, Any], header: str
) -> None:
    endpoint = {"uri": f"http://127.0.0.1:{service}/", "authentication": policy}
    use = {"authentications": {"mine": {"bearer": {"token": "${ .p }"}}}}
    execution = await execute(
        call(service, endpoint=endpoint, output="response"), {"p": "s3"}, use=use
    )
    assert execution.output["content"]["headers"]["authorization"] == header
    assert execution.output["statusCode"] == 200
    assert "s3" not in json.dumps(execution.output["request"])


async def test_raw_output_is_the_bytes_in_base64(execute: Execute, service: int) -> None:
    execution = await execute(call(service, "/text", output="raw"), {})
    assert json.loads(base64.b64decode(execution.output))["path"] == "/text"


async def test_what_is_no_json_is_text(execute: Execute, service: int) -> None:
    assert isinstance((await execute(call(service, "/text"), {})).output, str)


@pytest.mark.parametrize("status", [404, 503])
async def test_an_answer_that_says_no_is_a_communication_error(
    execute: Execute, service: int, status: int
) -> None:
    execution = await execute(call(service, f"/status/{status}"), {})
    assert (execution.error["type"], execution.error["status"]) == (TYPES + "communication", status)
    assert execution.error["instance"] == "/do/0/ask"


async def test_a_redirect_is_followed_only_with_leave(execute: Execute, service: int) -> None:
    assert (await execute(call(service, "/moved"), {})).error["status"] == 302
    assert (await execute(call(service, "/moved", redirect=True), {})).output["path"] == "/arrived"


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:22/", "http://10.0.0.1/", "ftp://a/", "${ .uri }"]
)
async def test_a_forbidden_address_is_a_communication_error(
    execute: Execute, endpoint: str
) -> None:
    execution = await execute(call(0, endpoint=endpoint), {"uri": "http://[::1]/"})
    assert (execution.error["type"], execution.error["status"]) == (TYPES + "communication", 500)


async def test_a_call_under_a_timeout_ends_when_it_passes(execute: Execute, service: int) -> None:
    steps = call(service, "/slow")
    steps[0]["ask"]["timeout"] = {"after": {"milliseconds": 300}}
    assert (await execute(steps, {})).error["type"] == TYPES + "timeout"


async def test_calls_in_a_loop_each_have_an_id_without_the_users_names(
    execute: Execute, service: int
) -> None:
    loop = {"for": {"in": "[1, 2]"}, "do": call(service, "/x")}
    execution = await execute([{"canary": loop}], {})
    ids = [
        event.activity_task_scheduled_event_attributes.activity_id
        async for event in execution.handle.fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert ids == ["/do/0/do/0#1", "/do/0/do/0#2"]


@pytest.mark.parametrize("template", ["{a}" * 300_000, "x" * 65_536])
async def test_an_address_past_its_length_is_an_error_and_no_memory(
    execute: Execute, service: int, template: str
) -> None:
    execution = await execute(call(service, f"/{template}"), {"a": "x" * 1_000_000})
    assert execution.error["status"] == 400
    assert "addressCharacters" in execution.error["detail"]
