"""Executing on the running platform: waiting, sealing, failing."""

import json
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import KEY_AGREEMENT, Client
from tests.support.platform import Platform

pytestmark = pytest.mark.platform


HEAD = "document: {dsl: '1.0.3', namespace: tests, name: case, version: '1.0.0'}\n"
ECHO = HEAD + "do:\n  - echo: {set: '${ {got: .} }'}\n"
SLEEPER = HEAD + "do:\n  - nap: {wait: {hours: 1}}\n"
FAILING = (
    HEAD
    + "do:\n  - stop:\n"
    + "      raise: {error: {type: https://example.org/stop, status: 418, title: Enough}}\n"
)
BROKEN = HEAD + "do:\n  - sum: {set: {sum: '${ .a + {} }'}}\n"


def run(client: Client, document: str, body: Any, **headers: str) -> Any:
    workflow = client.create_workflow("case", document)
    path = f"/api/workflows/{workflow['id']}/execute"
    return client.http.post(path, json=body, headers={"Prefer": "wait=20"} | headers)


def test_a_sealed_input_makes_a_sealed_result_that_the_account_alone_opens(laptop: Client) -> None:
    answer = run(laptop, ECHO, {"input": laptop.seal(b'{"a": 1}')})
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=20")
    told = answer.json()
    assert (told["status"], told["result"].count(".")) == ("completed", 4)
    opened = jwe.decrypt_compact(
        told["result"], laptop.keys.identity, algorithms=KEY_AGREEMENT
    ).plaintext
    assert json.loads(opened or b"") == {"got": {"a": 1}}
    read = laptop.request("GET", answer.headers["Location"])
    assert (read["status"], read["result"]) == ("completed", told["result"])
    assert read["createdAt"] < read["endedAt"]


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, 2**53, "", "é\u2028", "a.b.c.d.e", [], {}, {"a": [None]}]
)
def test_a_plain_input_makes_a_plain_result(laptop: Client, value: Any) -> None:
    answer = run(laptop, ECHO, {"input": value}).json()
    assert (answer["status"], answer["result"]) == ("completed", {"got": value})


def test_no_body_and_no_input_are_null(laptop: Client) -> None:
    path = f"/api/workflows/{laptop.create_workflow('case', ECHO)['id']}/execute"
    for content in (b"", b"{}"):
        headers = {"Prefer": "wait=20"} | ({"Content-Type": "application/json"} if content else {})
        answer = laptop.http.post(path, content=content, headers=headers).json()
        assert answer["result"] == {"got": None}


def test_who_asks_for_a_sealed_or_a_plain_result_gets_it(laptop: Client) -> None:
    sealed = run(laptop, ECHO, {"input": 1, "sealResult": True}).json()["result"]
    opened = jwe.decrypt_compact(sealed, laptop.keys.identity, algorithms=KEY_AGREEMENT).plaintext
    assert json.loads(opened or b"") == {"got": 1}
    plain = run(laptop, ECHO, {"input": laptop.seal(b"1"), "sealResult": False}).json()["result"]
    assert plain == {"got": 1}


def test_a_result_is_sealed_to_whatever_form_of_key_the_account_has(platform: Platform) -> None:
    key = ECKey.generate_key("P-256")
    with Client(platform.api_url, "laptop", None) as client:  # type: ignore[arg-type] # its own key below
        body = {"email": f"{uuid7()}@example.org", "password": "a long pass phrase"}
        public = key.as_pem(private=False).decode()
        registered = client.request("POST", "/api/auth/register", json=body | {"publicKey": public})
        client.http.headers["Authorization"] = f"Bearer {registered['accessToken']}"
        result = run(client, ECHO, {"input": client.seal(b"1")}).json()["result"]
    opened = jwe.decrypt_compact(result, key, algorithms=KEY_AGREEMENT).plaintext
    assert json.loads(opened or b"") == {"got": 1}


def test_a_key_that_nothing_can_be_sealed_to_is_told_before_anything_runs(
    platform: Platform,
) -> None:
    with Client(platform.api_url, "laptop", None) as client:  # type: ignore[arg-type] # it has none
        body = {
            "email": f"{uuid7()}@example.org",
            "password": "a long pass phrase",
            "publicKey": "opaque",
        }
        registered = client.request("POST", "/api/auth/register", json=body)
        client.http.headers["Authorization"] = f"Bearer {registered['accessToken']}"
        refused = run(client, ECHO, {"input": client.seal(b"1")})
        assert (refused.status_code, refused.json()["code"]) == (409, "public_key_unsealable")
        assert run(client, ECHO, {"input": 1}).json()["result"] == {"got": 1}


def test_what_is_not_done_in_time_is_told_as_running_with_its_place(laptop: Client) -> None:
    answer = run(laptop, SLEEPER, {}, Prefer="wait=0")
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait=0")
    assert answer.json()["status"] == "running"
    read = laptop.request("GET", answer.headers["Location"])
    assert (read["status"], read["endedAt"], "result" in read) == ("running", None, False)
    workflow = laptop.request("GET", f"/api/workflows/{answer.json()['workflowId']}")["workflow"]
    assert (workflow["status"], workflow["lastExecutionId"]) == (
        "running",
        answer.json()["executionId"],
    )


def test_an_error_of_the_workflows_own_is_shown_to_who_asked_in_the_clear(laptop: Client) -> None:
    answer = run(laptop, FAILING, {})
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    error = answer.json()["error"]
    assert (error["type"], error["status"], error["title"]) == (
        "https://example.org/stop",
        418,
        "Enough",
    )
    assert error["instance"] == "/do/0/stop"


def test_an_error_is_sealed_where_a_result_would_be(laptop: Client) -> None:
    error = run(laptop, FAILING, {"input": laptop.seal(b"1")}).json()["error"]
    assert (error["type"], error["status"]) == ("about:blank", 500)
    assert "Enough" not in json.dumps(error)
    opened = jwe.decrypt_compact(
        error["sealed"], laptop.keys.identity, algorithms=KEY_AGREEMENT
    ).plaintext
    assert json.loads(opened or b"")["title"] == "Enough"


def test_an_expression_that_fails_is_an_error_of_its_step(laptop: Client) -> None:
    error = run(laptop, BROKEN, {"input": {"a": 1}}).json()["error"]
    assert error["type"].endswith("/expression")
    assert error["instance"] == "/do/0/sum"


def unopenable_input(kind: str, client: Client) -> str:
    match kind:
        case "sealed to an unknown key":
            stranger = OKPKey.generate_key("X25519", {"kid": "other"})
            header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": "other"}
            return jwe.encrypt_compact(header, b"1", stranger, algorithms=KEY_AGREEMENT)
        case "altered":
            head, _, tag = client.seal(b"1").rpartition(".")
            return f"{head}.{tag[::-1]}"
        case _:
            return client.seal(b"no json")


@pytest.mark.parametrize("kind", ["sealed to an unknown key", "altered", "no JSON inside"])
def test_an_input_that_does_not_open_fails_the_execution_with_the_reason(
    laptop: Client, kind: str
) -> None:
    answer = run(
        laptop, ECHO, {"input": unopenable_input(kind, laptop), "sealResult": False}
    ).json()
    assert answer["status"] == "failed"
    assert answer["error"]["type"].endswith("/configuration")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"inputs": 1}, "/inputs"),
        ({"sealResult": "perhaps"}, "/sealResult"),
        ({"sealResult": None}, "/sealResult"),
    ],
)
def test_a_bad_body_is_refused_and_starts_nothing(laptop: Client, body: Any, pointer: str) -> None:
    answer = run(laptop, ECHO, body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    (workflow,) = laptop.request("GET", "/api/workflows")["workflows"]
    assert (workflow["status"], workflow["lastExecutionId"]) == ("draft", None)


def test_an_input_beyond_the_limit_is_too_large(laptop: Client) -> None:
    answer = run(laptop, ECHO, {"input": "x" * 1_100_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "input_too_large")


@pytest.mark.parametrize(
    "value", ["'${ \"x\" * 1100000 }'", "{a: '${ \"x\" * 600000 }', b: '${ \"x\" * 600000 }'}"]
)
def test_a_value_beyond_the_limit_fails_the_execution_by_the_limit(
    laptop: Client, value: str
) -> None:
    answer = run(laptop, f"{HEAD}do:\n  - grow: {{set: {value}}}\n", {}).json()
    assert answer["status"] == "failed"
    assert "1048576 bytes" in answer["error"]["detail"]
