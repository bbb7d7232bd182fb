"""A trigger's workflow ends, whatever a stranger starts it with and signals to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RawValue
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.contracts.commands import REFUSED
from engine.contracts.events import EVENT
from engine.contracts.executions import OUTCOME_READING
from engine.contracts.payload_converter import ReplyPayloadConverter
from engine.contracts.schedules import OPEN_SCHEDULE, SCHEDULE, TriggerDocument, TriggerStart
from engine.interpreter.runtime.event_inbox import EventInbox
from engine.temporal.command_guard import CommandGuard
from engine.temporal_workflows.schedule import ScheduleWorkflow

pytestmark = pytest.mark.stack

SECONDS_MAX = timedelta(seconds=20)  # ends a workflow whose task repeats
START = TriggerStart(str(uuid7()), str(uuid7()), "after", inbox=EventInbox().to_json())
METADATA = {"encoding": b"json/plain", "command": OUTCOME_READING.encode()}
UNFIT = RawValue(Payload(metadata=METADATA, data=b"{}"))


@activity.defn(name=OPEN_SCHEDULE)
async def find_no_definition(_start: TriggerStart) -> TriggerDocument | None:
    return None


@pytest.fixture
async def temporal(settings: Settings) -> Client:
    converter = replace(DataConverter.default, payload_converter_class=ReplyPayloadConverter)
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=converter,
    )


async def outcome_of(temporal: Client, arguments: Sequence[Any], *signals: Any) -> str | None:
    """Start a trigger and signal to it before a worker runs; return the type of its failure."""
    queue = f"guarded-{uuid7()}"
    handle = await temporal.start_workflow(
        SCHEDULE,
        args=arguments,
        id=f"schedule:{uuid7()}:after",
        task_queue=queue,
        execution_timeout=SECONDS_MAX,
    )
    for each in signals:
        await handle.signal(EVENT, each)
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[ScheduleWorkflow],
        activities=[find_no_definition],
        interceptors=[CommandGuard()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        try:
            await handle.result()
        except WorkflowFailureError as failure:
            cause = failure.cause
            return cause.type if isinstance(cause, ApplicationError) else type(cause).__name__
    return None


@pytest.mark.parametrize(
    "arguments",
    [[], [None], [START, START], [UNFIT]],
    ids=["none", "null", "two", "of another command"],
)
async def test_a_trigger_without_a_start_of_its_own_is_refused(
    temporal: Client, arguments: Sequence[Any]
) -> None:
    assert await outcome_of(temporal, arguments) == REFUSED


async def test_a_signal_that_has_no_events_stops_no_trigger(temporal: Client) -> None:
    signals = (None, "x", {"id": "1"}, ["x"], [{"id": "1"}], [None], UNFIT)
    assert await outcome_of(temporal, [START], *signals) is None
