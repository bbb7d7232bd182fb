"""What Temporal refuses concerns one request; a server that does not answer is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from temporalio.client import Client
from uuid_utils.compat import uuid7

from bin.devtools.stack.server import free_port
from engine.config.settings import Settings
from engine.contracts.outbox_messages import VersionCheck
from engine.contracts.preview import VALIDATION, Validation
from engine.contracts.workflow_ids import VersionReference
from engine.errors import TooLargeError, UnavailableError
from engine.temporal.commands import ARGUMENT_BYTES_MAX
from engine.workflows.temporal_delivery import TemporalCall
from tests.support.waiting import UNTIL_SECONDS_MAX
from web import temporal_client
from web.temporal_client import Temporal

pytestmark = pytest.mark.stack

MESSAGE = VersionCheck(uuid4(), VersionReference(uuid4()))


@pytest.fixture
def temporal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Temporal]:
    for name in ("CONNECT_SECONDS_MAX", "CALL_SECONDS_MAX"):
        monkeypatch.setattr(temporal_client, name, UNTIL_SECONDS_MAX)
    client = Temporal(settings)
    yield client
    client.close()


async def start_too_large(client: Client) -> object:
    validation = Validation(str(uuid4()), "x" * 2 * ARGUMENT_BYTES_MAX, {})
    return await client.start_workflow(
        VALIDATION, validation, id=f"read:{uuid7()}", task_queue="none"
    )


def test_a_request_that_temporal_refuses_silences_it_for_nobody(temporal: Temporal) -> None:
    with pytest.raises(UnavailableError) as refusal:
        temporal.deliver(TemporalCall(MESSAGE, start_too_large))
    assert refusal.value.code == "temporal_refused"
    temporal.check()


def test_a_preview_that_temporal_would_refuse_does_not_reach_it(settings: Settings) -> None:
    nowhere = Temporal(replace(settings, temporal_address=f"127.0.0.1:{free_port()}"))
    validation = Validation(str(uuid4()), "x" * ARGUMENT_BYTES_MAX, nowhere.reply_key)
    with pytest.raises(TooLargeError) as refusal:
        nowhere.preview(VALIDATION, validation)
    assert refusal.value.code == "request_too_large"


def test_a_server_that_does_not_answer_is_left_alone_for_a_while(settings: Settings) -> None:
    nowhere = Temporal(replace(settings, temporal_address=f"127.0.0.1:{free_port()}"))
    with pytest.raises(UnavailableError):
        nowhere.check()
    calls = list[Client]()

    async def send(client: Client) -> bool:
        calls.append(client)
        return True

    with pytest.raises(UnavailableError) as refusal:
        nowhere.deliver(TemporalCall(MESSAGE, send))
    assert (refusal.value.code, calls) == ("temporal_unavailable", [])
