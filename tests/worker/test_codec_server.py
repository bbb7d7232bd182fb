"""The codec server beside a real execution: payloads, operators and the audit log."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import pytest
from google.protobuf import json_format
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.common.v1 import Payloads
from temporalio.client import Client as TemporalClient

from bin.devtools.stack.client import Client
from engine.accounts.payload_disclosure import EVENT_KIND
from engine.config.settings import Settings, SettingsError
from engine.store.accounts import AuditEvent
from engine.store.executions import Execution
from engine.store.payload_claims import Claim
from tests.support.platform import Platform
from worker.codec_server import CodecServer

pytestmark = pytest.mark.platform


SECRET = base64.urlsafe_b64encode(b"o" * 32).decode()
DOCUMENT = """
document: {dsl: '1.0.3', namespace: tests, name: support, version: '1.0.0'}
do:
  - keep: {set: {kept: '${ .secret }'}}
"""


@pytest.fixture
def opened(platform: Platform) -> Settings:
    return Settings.from_env(platform.environ | {"CODEC_OPERATORS": f"ada:{SECRET}"})


@pytest.fixture
async def ui(
    opened: Settings, sessions: sessionmaker[Session]
) -> AsyncIterator[httpx2.AsyncClient]:
    """The Temporal UI of an operator who has logged in."""
    transport = httpx2.ASGITransport(CodecServer(opened, sessions))
    headers = {"origin": opened.temporal_ui_url, "x-namespace": opened.temporal_namespace}
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://codec", headers=headers, auth=("ada", SECRET)
    ) as client:
        yield client


async def body_of(settings: Settings, execution_id: str) -> dict[str, Any]:
    """Return all payloads of the markers of an execution, as the UI sends them."""
    temporal = await TemporalClient.connect(
        settings.temporal_address, namespace=settings.temporal_namespace
    )
    handle = temporal.get_workflow_handle(f"execution:{execution_id}")
    found = Payloads()
    async for event in handle.fetch_history_events():
        for details in event.marker_recorded_event_attributes.details.values():
            found.payloads.extend(details.payloads)
    body: dict[str, Any] = json_format.MessageToDict(found)
    return body


def told(sessions: sessionmaker[Session], execution_id: str) -> int:
    with sessions() as session:
        owner = (
            select(Execution.account_id).where(Execution.id == UUID(execution_id)).scalar_subquery()
        )
        query = select(func.count()).where(
            AuditEvent.kind == EVENT_KIND, AuditEvent.account_id == owner
        )
        return session.scalar(query) or 0


async def test_an_operator_sees_payloads_and_the_account_sees_the_operator(
    ui: httpx2.AsyncClient, opened: Settings, sessions: sessionmaker[Session], laptop: Client
) -> None:
    canary = secrets.token_hex(12)
    ran = laptop.execute(laptop.create_workflow("support", DOCUMENT)["id"], {"secret": canary})
    body = await body_of(opened, ran["executionId"])
    assert canary not in str([base64.b64decode(one["data"]) for one in body["payloads"]])
    answer = await ui.post("/decode", json=body)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == opened.temporal_ui_url
    shown = [base64.b64decode(one["data"]).decode() for one in answer.json()["payloads"]]
    assert canary in "".join(shown)
    assert len(shown) == len(body["payloads"])
    assert told(sessions, ran["executionId"]) == 1
    for payload in body["payloads"]:
        altered = bytearray(base64.b64decode(payload["data"]))
        altered[-1] ^= 1
        payload["data"] = base64.b64encode(altered).decode()
    answer = await ui.post("/decode", json=body)
    assert answer.json() == body, "what was altered stays as it is"


async def test_payloads_that_are_kept_apart_are_shown_too(
    ui: httpx2.AsyncClient, opened: Settings, sessions: sessionmaker[Session], laptop: Client
) -> None:
    canary = secrets.token_hex(12) + "x" * 2 * opened.claim_bytes_min
    ran = laptop.execute(laptop.create_workflow("support", DOCUMENT)["id"], {"secret": canary})
    body = await body_of(opened, ran["executionId"])
    kept = [one for one in body["payloads"] if one.get("externalPayloads")]
    assert kept
    answer = await ui.post("/decode", json=body)
    shown = [base64.b64decode(one["data"]).decode() for one in answer.json()["payloads"]]
    assert canary in "".join(shown)
    assert told(sessions, ran["executionId"]) == 1
    with sessions.begin() as session:
        session.execute(delete(Claim).where(Claim.execution_id == UUID(ran["executionId"])))
    answer = await ui.post("/decode", json={"payloads": kept})
    assert answer.json() == {"payloads": kept}, "what is no more stays a reference"


@pytest.mark.parametrize("data", [b"", b"no JSON", b"{}", b'{"claimData": {"id": "no id"}}'])
async def test_what_only_looks_like_a_reference_stays_as_it_is(
    ui: httpx2.AsyncClient, data: bytes
) -> None:
    kind = base64.b64encode(b"temporal.api.sdk.v1.ExternalStorageReference").decode()
    encoding = base64.b64encode(b"json/protobuf").decode()
    payload: dict[str, Any] = {"metadata": {"encoding": encoding, "messageType": kind}}
    payload |= {"data": base64.b64encode(data).decode()} if data else {}
    answer = await ui.post("/decode", json={"payloads": [payload]})
    assert (answer.status_code, answer.json()) == (200, {"payloads": [payload]})


async def test_nobody_else_is_shown_anything(
    ui: httpx2.AsyncClient, opened: Settings, sessions: sessionmaker[Session], laptop: Client
) -> None:
    ran = laptop.execute(laptop.create_workflow("support", DOCUMENT)["id"], {"secret": "x"})
    body = await body_of(opened, ran["executionId"])
    wrong = base64.urlsafe_b64encode(b"x" * 32).decode()
    for user in (("ada", wrong), ("eve", SECRET), ("ada", ""), ("", "")):
        refused = await ui.post("/decode", json=body, auth=user)
        assert (refused.status_code, refused.content) == (401, b"")
        assert refused.headers["www-authenticate"].startswith("Basic ")
    for headers, status in (
        ({"origin": "https://evil.test"}, 403),
        ({"x-namespace": "other"}, 404),
    ):
        refused = await ui.post("/decode", json=body, headers=headers)
        assert (refused.status_code, refused.content) == (status, b"")
    assert (await ui.post("/encode", json=body)).status_code == 404
    assert told(sessions, ran["executionId"]) == 0


async def test_what_belongs_to_no_known_account_stays_sealed(
    ui: httpx2.AsyncClient, opened: Settings, sessions: sessionmaker[Session], laptop: Client
) -> None:
    ran = laptop.execute(laptop.create_workflow("support", DOCUMENT)["id"], {"secret": "x"})
    body = await body_of(opened, ran["executionId"])
    with sessions.begin() as session:
        session.delete(session.get_one(Execution, UUID(ran["executionId"])))
    assert (await ui.post("/decode", json=body)).json() == body


async def test_a_browser_may_ask_before_it_logs_in(
    ui: httpx2.AsyncClient, opened: Settings
) -> None:
    asked = await ui.request("OPTIONS", "/decode", auth=("", ""))
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-credentials"] == "true"
    assert "x-namespace" in asked.headers["access-control-allow-headers"]
    foreign = await ui.request("OPTIONS", "/decode", headers={"origin": "https://evil.test"})
    assert (foreign.status_code, "access-control-allow-origin" in foreign.headers) == (403, False)
    assert (await ui.get("/")).status_code == 200
    assert opened.temporal_ui_url


@pytest.mark.parametrize(
    "body", [b"", b"no JSON", b"[1]", b'{"payloads": 1}', b"x" * (8 * 1_048_576 + 1)]
)
async def test_a_body_that_is_no_payloads_is_refused(ui: httpx2.AsyncClient, body: bytes) -> None:
    assert (await ui.post("/decode", content=body)).status_code == 400


def test_without_named_operators_there_is_no_server(
    platform: Platform, sessions: sessionmaker[Session]
) -> None:
    with pytest.raises(SettingsError, match="CODEC_OPERATORS"):
        CodecServer(Settings.from_env(platform.environ), sessions)
