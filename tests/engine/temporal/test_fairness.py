"""Fairness: workflows queue by account, so that one account's flood does not delay another's.

Checks and readings, which may take seconds, have a queue and a worker's places of their own.
"""

from contextlib import suppress
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Priority
from temporalio.service import RPCError

from engine.config.settings import Settings
from engine.contracts.definitions import DefinitionCheck
from engine.contracts.executions import ExecutionStart, OutcomeReading
from engine.contracts.task_queue import READING_QUEUE, TASK_QUEUE
from engine.temporal.commands import start_check, start_execution, start_reading
from engine.temporal.connection import connect

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("kind", ["execution", "check", "reading"])
async def test_a_workflow_is_queued_under_its_account(settings: Settings, kind: str) -> None:
    client = await connect(settings, keyed=False)
    account_id, subject = str(uuid4()), str(uuid4())
    if kind == "execution":
        start = ExecutionStart(subject, account_id)
        handle = await start_execution(client, start, definition_id=uuid4(), seconds_max=60)
    elif kind == "check":
        handle = await start_check(client, DefinitionCheck(subject, account_id))
    else:
        reading = OutcomeReading(subject, account_id, {"kty": "OKP"})
        handle = await start_reading(client, reading, reading_id=uuid4())
    description = await handle.describe()
    assert description.raw_description.workflow_execution_info.priority == Priority(
        fairness_key=account_id
    )
    assert description.task_queue == (TASK_QUEUE if kind == "execution" else READING_QUEUE)
    with suppress(RPCError):  # where a worker runs beside, it may have ended by itself
        await handle.terminate()
