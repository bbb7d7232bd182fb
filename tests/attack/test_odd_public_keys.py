"""An account whose public key cannot be used harms neither itself nor the executions of others."""

import base64
import json
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client
from tests.support.attack import PASSWORD
from tests.support.waiting import until

pytestmark = pytest.mark.platform


DOCUMENT = """
document: {dsl: '1.0.3', namespace: tests, name: odd, version: '1.0.0'}
do:
  - one: {set: {ok: true}}
"""


def brainpool() -> str:
    key = ec.generate_private_key(ec.BrainpoolP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def unknown_curve() -> str:
    algorithm = bytes.fromhex("06072a8648ce3d0201" + "06052b81040006")
    content = bytes([0x30, len(algorithm)]) + algorithm + b"\x03\x03\x00\x01\x02"
    body = base64.b64encode(bytes([0x30, len(content)]) + content).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


KEYS = {
    "a point of low order": json.dumps({"kty": "OKP", "crv": "X25519", "x": "A" * 43}),
    "a brainpool curve": brainpool(),
    "an unknown curve": unknown_curve(),
    "JSON nested deeply": '{"kty":' + "[" * 4000 + "]" * 4000 + "}",
}


def registered(http: httpx2.Client, public_key: str) -> dict[str, Any]:
    body = {"email": f"{uuid7()}@example.org", "password": PASSWORD, "publicKey": public_key}
    answer = http.post("/api/auth/register", json=body)
    assert answer.status_code == 201
    account: dict[str, Any] = answer.json()
    assert account["user"]["publicKey"] == public_key
    return account


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_that_nothing_can_be_sealed_to_is_stored_and_counts_as_opaque(
    http: httpx2.Client, laptop: Client, kind: str
) -> None:
    account = registered(http, KEYS[kind])
    token = account["accessToken"]
    http.headers.update({"Authorization": f"Bearer {token}", "X-Agent-ID": "laptop"})
    answer = http.post("/api/auth/key/challenge")
    assert (answer.status_code, answer.json()["code"]) == (409, "public_key_opaque")

    def create(document: str) -> Any:
        body = {"name": "odd"} | laptop.seal_workflow(document)
        return http.post("/api/workflows", json=body).json()["workflow"]

    def read(workflow_id: str) -> Any:
        return http.get(f"/api/workflows/{workflow_id}").json()["workflow"]

    faulty_id = create(DOCUMENT.replace("set:", "sets:"))["id"]
    assert until(lambda: read(faulty_id)["diagnostics"])
    assert read(faulty_id)["diagnosticsSealed"] is None
    workflow_id = create(DOCUMENT)["id"]
    wait = {"Prefer": "wait=20"}
    path = f"/api/workflows/{workflow_id}/execute"
    refusal = http.post(path, json={"sealResult": True}, headers=wait)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "public_key_unsealable")
    result = http.post(path, json={"sealResult": False}, headers=wait).json()
    assert (result["status"], result["result"]) == ("completed", {"ok": True})
    graph = http.get(f"/api/workflows/{workflow_id}/graph")
    assert (graph.status_code, graph.json()["code"]) == (409, "public_key_unsealable")


def test_a_key_that_is_changed_while_an_execution_runs_spares_its_outcome(
    laptop: Client,
) -> None:
    workflow = laptop.create_workflow(
        "odd", DOCUMENT.replace("set: {ok: true}", "wait: {seconds: 2}")
    )
    answer = laptop.execute(workflow["id"], wait=0)
    low_order = KEYS["a point of low order"]
    laptop.request(
        "PATCH", "/api/auth/me", json={"publicKey": low_order}, headers={"If-Match": "*"}
    )
    path = f"/api/executions/{answer['executionId']}"
    assert until(lambda: laptop.request("GET", path)["status"] != "running")
    assert laptop.request("GET", path)["status"] == "completed"
