"""Somebody who reaches Temporal's frontend, and even polls its queues, without any key of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from joserfc.jwk import OKPKey
from sqlalchemy.orm import Session, sessionmaker
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client as TemporalClient
from temporalio.client import WorkflowFailureError
from temporalio.common import RawValue, RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client
from bin.devtools.stack.fresh_keys import new_key
from engine.config.settings import Settings
from engine.contracts.commands import REFUSED
from engine.contracts.executions import OUTCOME_READING, OutcomeReading
from engine.contracts.task_queue import READING_QUEUE, TASK_QUEUE
from engine.store.executions import Execution
from engine.temporal.command_signer import CommandSigner
from tests.support.platform import Platform
from tests.support.waiting import until
from tests.support.web.events import HEAD, event, listener, listening, publish, start_listener

pytestmark = pytest.mark.platform

SECONDS_MAX = timedelta(seconds=20)
READINGS = ("execution.read", "definition.")
ECHO = f"{HEAD}do:\n  - tell: {{set: {{told: '${{ . }}'}}}}\n"
ONCE = RetryPolicy(maximum_attempts=1)


@pytest.fixture
async def temporal(platform: Platform) -> TemporalClient:
    return await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )


@pytest.fixture
def account_id(laptop: Client) -> str:
    return str(laptop.request("GET", "/api/auth/me")["id"])


def reply_key() -> dict[str, str]:
    key = OKPKey.generate_key("X25519")
    return {name: str(value) for name, value in key.as_dict(private=False).items()}


async def outcome_of(
    temporal: TemporalClient, kind: str, arguments: Sequence[Any], workflow_id: str
) -> str | None:
    """Start a workflow of the engine as a stranger; return how it failed.

    :raises AssertionError: when it does not fail
    """
    handle = await temporal.start_workflow(
        kind,
        args=arguments,
        id=workflow_id,
        task_queue=READING_QUEUE if kind.startswith(READINGS) else TASK_QUEUE,
        execution_timeout=SECONDS_MAX,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    cause = failure.value.cause
    assert isinstance(cause, ApplicationError)
    assert not cause.details
    return cause.type


async def argument_of(temporal: TemporalClient, workflow_id: str) -> Payload:
    """Return the argument of a workflow, as a history shows it to who reaches Temporal."""
    history = await temporal.get_workflow_handle(workflow_id).fetch_history()
    attributes = history.events[0].workflow_execution_started_event_attributes
    return attributes.input.payloads[0]


async def test_a_stranger_starts_nothing(
    platform: Platform, laptop: Client, temporal: TemporalClient, account_id: str
) -> None:
    definition_id = laptop.create_workflow("echo", ECHO)["id"]
    execution_id = laptop.execute(definition_id, {"mine": 1})["executionId"]
    ids = {"account_id": account_id, "definition_id": definition_id, "version": 1}
    mine = str(uuid7())
    own = {"execution_id": mine, "account_id": account_id, "reply_key": reply_key()}
    order = {"by": execution_id, "definition_id": definition_id, "input": 1, "depth": 0}
    reading = own | {"execution_id": execution_id, "authentic": True, "message_id": mine}
    drawing = ids | {"form": "json", "sealed": False, "reply_key": reply_key()}
    trigger = ids | {"trigger": "after"}
    firing = {"schedule_id": mine, "account_id": account_id}
    for kind, argument, workflow_id in (
        ("execution.read", reading, f"read:{mine}"),
        ("definition.draw", drawing, f"read:{mine}"),
        ("definition.validate", own | {"sealed": "a.b.c.d.e"}, f"read:{mine}"),
        ("execution", own | {"ordered": order}, f"execution:{mine}"),
        ("definition.check", ids, f"definition:{definition_id}:2"),
        ("schedule.fire", firing, f"fire:{mine}-2026-11-30T12:00:00Z"),
        ("schedule", trigger, f"schedule:{definition_id}:after:7"),
        ("schedule", None, f"schedule:{definition_id}:after:8"),
    ):
        found = await outcome_of(temporal, kind, [argument], workflow_id)
        assert found == REFUSED, kind
    assert laptop.http.get(f"/api/executions/{mine}").status_code == httpx2.codes.NOT_FOUND
    assert "command_refused" in (platform.logs / "temporal.log").read_text()


async def test_what_web_has_sent_serves_nothing_else(
    laptop: Client, temporal: TemporalClient, sessions: sessionmaker[Session]
) -> None:
    answer = laptop.execute(laptop.create_workflow("echo", ECHO)["id"], 1)
    own = f"execution:{answer['executionId']}"
    captured = RawValue(await argument_of(temporal, own))
    with sessions() as session:
        before = session.get_one(Execution, UUID(answer["executionId"]))
        ended_at = before.ended_at
    for kind, workflow_id, expected in (
        ("execution", f"execution:{uuid7()}", REFUSED),
        ("execution.read", f"read:{uuid7()}", REFUSED),
        # The same argument at the same place: its execution has ended.
        ("execution", own, REFUSED),
        ("execution.read", own, REFUSED),
    ):
        assert await outcome_of(temporal, kind, [captured], workflow_id) == expected
    with sessions() as session:
        row = session.get_one(Execution, UUID(answer["executionId"]))
        assert (row.status, row.ended_at) == ("completed", ended_at)


async def test_a_message_of_long_ago_and_one_of_another_key_read_nothing(
    platform: Platform, laptop: Client, temporal: TemporalClient, account_id: str
) -> None:
    execution_id = laptop.execute(laptop.create_workflow("echo", ECHO)["id"], 1)["executionId"]
    reading = OutcomeReading(execution_id, account_id, reply_key())
    own = Settings.from_env(platform.environ)
    foreign = Settings.from_env(new_key("COMMAND_KEYS"))
    milliseconds = int(1000 * (time.time() - 2 * 3600))
    hours_ago = UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62)
    for settings, message_id, expected in ((own, hours_ago, REFUSED), (foreign, None, REFUSED)):
        workflow_id = f"read:{uuid7()}"
        signer = CommandSigner(settings)
        payload = signer.sign(
            [reading], command=OUTCOME_READING, target=workflow_id, message_id=message_id
        )
        found = await outcome_of(temporal, OUTCOME_READING, [RawValue(payload)], workflow_id)
        assert found == expected


async def test_a_stranger_signals_nothing(
    laptop: Client, temporal: TemporalClient, sessions: sessionmaker[Session]
) -> None:
    kind = f"com.example.{uuid7()}"
    document = listener(kind) + "  - answer: {set: {got: '${ . }'}}\n"
    execution_id = start_listener(laptop, document)
    await asyncio.to_thread(until, lambda: listening(sessions, execution_id))
    handle = temporal.get_workflow_handle(f"execution:{execution_id}")
    captured = RawValue(await argument_of(temporal, handle.id))
    pause = {"number": 9, "paused": True, "authentic": True}
    forgeries: dict[str, Any] = {"event": [event(kind, "forged")], "hold": pause}
    for signal, argument in forgeries.items():
        for each in (argument, captured, None):
            await handle.signal(signal, each)
    publish(laptop, event(kind, "genuine"))
    result = await asyncio.to_thread(until, lambda: _outcome(laptop, execution_id))
    assert laptop.open_result(result) == {"got": ["genuine"]}


@workflow.defn(name="stranger")
class StrangerWorkflow:
    """A stranger's own worker gives the engine's worker tasks that look like the engine's own."""

    @workflow.run
    async def run(self, reading: dict[str, Any]) -> list[str]:
        """Return the types of the failures."""
        failures = []
        for argument in (reading, None):
            for local in ("open_execution", "settle_execution", "fire_due", "call_http"):
                activity = workflow.execute_activity(
                    local,
                    argument,
                    task_queue=TASK_QUEUE,
                    start_to_close_timeout=SECONDS_MAX,
                    retry_policy=ONCE,
                )
                failures.append(await _failure(activity))
        child = workflow.execute_child_workflow(
            "execution.read", reading, id=f"read:{workflow.uuid4()}", task_queue=READING_QUEUE
        )
        return [*failures, await _failure(child)]


async def test_a_strangers_worker_has_the_engines_worker_do_nothing(
    laptop: Client, temporal: TemporalClient, account_id: str
) -> None:
    execution_id = laptop.execute(laptop.create_workflow("echo", ECHO)["id"], 1)["executionId"]
    reading = {"execution_id": execution_id, "account_id": account_id, "reply_key": reply_key()}
    async with Worker(
        temporal,
        task_queue="stranger",
        workflows=[StrangerWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        failures: list[str] = await temporal.execute_workflow(
            "stranger", reading, id=f"stranger:{uuid7()}", task_queue="stranger"
        )
    assert failures
    assert set(failures) <= {REFUSED, "undecodable"}


async def _failure(work: Any) -> str:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - its cause says what it is
        cause = error.__cause__ or error
        if isinstance(cause, ApplicationError):
            return cause.type or "undecodable"
        return type(cause).__name__
    return "none"


def _outcome(client: Client, execution_id: str) -> Any:
    read = client.request("GET", f"/api/executions/{execution_id}")
    return read if read["status"] != "running" else None
