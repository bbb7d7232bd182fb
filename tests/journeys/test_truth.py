"""Whatever ended an execution, its row, the lists and its workflow's status follow Temporal."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client as TemporalClient
from temporalio.service import RPCError, RPCStatusCode

from bin.devtools.stack.client import Client
from engine.config.settings import Settings
from engine.contracts.outbox_messages import ExecutionCancellation, ExecutionTermination
from engine.store.account_scope import AccountScope
from engine.store.outbox import OutboxMessage
from engine.store.sessions import make_engine
from engine.store.workflows import Definition
from engine.workflows.executions import executions
from engine.workflows.executions.executions import SealedInput
from engine.workflows.executions.forced_ends import LOSS, STOP, ForcedEnd
from tests.support.journeys.executions import (
    HEAD,
    SLEEPER,
    handle_of,
    pending,
    start_sleeper,
    started_to_wait,
    statuses,
    wait_for_end,
    wait_until_launched,
    without_worker,
)
from tests.support.journeys.fragile import Fragile
from tests.support.platform import Platform, beside, new_agent
from tests.support.waiting import until
from worker.relay.stragglers import Stragglers
from worker.relay.temporal_client import TemporalConnection

pytestmark = pytest.mark.journey


STOPS = (ExecutionCancellation.kind, ExecutionTermination.kind)


async def erase(platform: Platform, execution_id: str) -> None:
    """Have Temporal forget an execution, as it does by itself after the namespace's retention."""
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    execution = WorkflowExecution(workflow_id=f"execution:{execution_id}")
    request = DeleteWorkflowExecutionRequest(
        namespace=temporal.namespace, workflow_execution=execution
    )
    await temporal.workflow_service.delete_workflow_execution(request)
    while True:
        try:
            await temporal.get_workflow_handle(execution.workflow_id).describe()
        except RPCError as fault:
            if fault.status == RPCStatusCode.NOT_FOUND:
                return
            raise


@pytest.mark.parametrize("how", ["terminate", "cancel", "erase"])
async def test_what_an_operator_does_in_temporal_is_what_everybody_is_told(
    platform: Platform, sessions: sessionmaker[Session], laptop: Client, how: str
) -> None:
    workflow_id, execution_id = start_sleeper(laptop)
    wait_until_launched(sessions, execution_id)
    handle = await handle_of(platform, execution_id)
    match how:
        case "terminate":
            await handle.terminate()
        case "cancel":
            await handle.cancel()
        case "erase":
            await erase(platform, execution_id)
    assert until(lambda: statuses(laptop, workflow_id, execution_id) == {"failed"})
    assert wait_for_end(laptop, execution_id)["error"]["type"].endswith("/runtime")


def test_an_execution_that_takes_longer_than_it_may_has_failed_by_all_that_is_said(
    platform: Platform, laptop: Client
) -> None:
    workflow_id = laptop.create_workflow("sleeper", SLEEPER)["id"]
    with (
        beside(platform, EXECUTION_SECONDS_MAX="2") as strict,
        Client(strict.api_url, "phone", laptop.keys) as phone,
    ):
        phone.login(laptop.email, laptop.password)
        execution_id = phone.execute(workflow_id, wait=0)["executionId"]
    assert until(lambda: statuses(laptop, workflow_id, execution_id) == {"failed"})
    assert wait_for_end(laptop, execution_id)["error"]["type"].endswith("/timeout")


def test_an_execution_that_was_never_started_does_not_run_for_ever(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    workflow_id = laptop.create_workflow("sleeper", SLEEPER)["id"]
    with sessions.begin() as session:
        definition = session.get_one(Definition, UUID(workflow_id))
        execution = executions.start(
            AccountScope(session, definition.account_id, definition.created_at),
            definition,
            SealedInput("-", seal_result=False),
        )
        session.execute(delete(OutboxMessage).where(OutboxMessage.subject == str(execution.id)))
    assert until(lambda: statuses(laptop, workflow_id, str(execution.id)) == {"failed"})


def door_of(fragile: Fragile) -> TemporalConnection:
    """Return a door to Temporal as the relay has."""
    return TemporalConnection(Settings.from_env(fragile.platform.environ))


@pytest.fixture
def stray(fragile: Fragile) -> Iterator[sessionmaker[Session]]:
    """The database of the platform whose parts are killed."""
    engine = make_engine(Settings.from_env(fragile.platform.environ))
    yield sessionmaker(engine)
    engine.dispose()


async def test_what_temporal_has_forgotten_is_settled_and_cannot_be_stopped_while_no_worker_runs(
    fragile: Fragile, stray: sessionmaker[Session]
) -> None:
    with new_agent(fragile.platform) as laptop, without_worker(fragile):
        workflow_id, execution_id = start_sleeper(laptop)
        wait_until_launched(stray, execution_id)
        fragile.kill("relay")
        await (await handle_of(fragile.platform, execution_id)).terminate()
        await erase(fragile.platform, execution_id)
        for how in ("cancel", "terminate"):
            assert laptop.http.post(f"/api/executions/{execution_id}/{how}").status_code == 202
        assert [pending(stray, kind, execution_id) for kind in STOPS] == [1, 1]
        fragile.revive("relay")
        assert until(lambda: statuses(laptop, workflow_id, execution_id) == {"failed"})
        assert until(lambda: not any(pending(stray, kind, execution_id) for kind in STOPS))
        error = wait_for_end(laptop, execution_id)["error"]
        assert error["type"].endswith("/runtime")
        assert laptop.open(error["sealed"])["detail"] == LOSS.detail


async def test_a_closing_that_is_too_old_for_the_reconcilers_question_is_found_by_the_row(
    fragile: Fragile, stray: sessionmaker[Session]
) -> None:
    with new_agent(fragile.platform) as laptop:
        with without_worker(fragile):
            workflow_id, execution_id = start_sleeper(laptop)
            wait_until_launched(stray, execution_id)
            fragile.kill("relay")
            await (await handle_of(fragile.platform, execution_id)).terminate()
            forced_ends: dict[UUID, ForcedEnd] = {}
            while UUID(execution_id) not in forced_ends:  # what has just closed is given a moment
                forced_ends = await Stragglers(stray, door_of(fragile)).look()
            assert forced_ends[UUID(execution_id)] == STOP
            fragile.revive("relay")
        assert until(lambda: statuses(laptop, workflow_id, execution_id) == {"failed"})


async def test_what_goes_on_in_new_runs_or_is_about_to_start_is_no_straggler(
    fragile: Fragile, stray: sessionmaker[Session]
) -> None:
    naps = (
        HEAD + "do: [{loop: {for: {in: '[range(40)]'}, do: [{nap: {wait: {milliseconds: 50}}}]}}]\n"
    )
    temporal = await TemporalClient.connect(fragile.stack.temporal_address)
    looks = Stragglers(stray, door_of(fragile))
    environ = fragile.platform.environ
    with new_agent(fragile.platform) as laptop:
        with without_worker(fragile):
            environ["EXECUTION_RESTS_EVERY"] = "1"
        try:
            workflow_id = laptop.create_workflow("loop", naps)["id"]
            execution_id = laptop.execute(workflow_id, wait=0)["executionId"]
            while laptop.request("GET", f"/api/executions/{execution_id}")["status"] == "running":
                assert UUID(execution_id) not in await looks.look()
            assert wait_for_end(laptop, execution_id)["status"] == "completed"
        finally:
            del environ["EXECUTION_RESTS_EVERY"]
        with without_worker(fragile):
            description = await temporal.get_workflow_handle(f"execution:{execution_id}").describe()
            assert description.run_id != (await first_run(temporal, execution_id))
            fragile.kill("relay")
            fragile.kill("Temporal")
            workflow_id = laptop.create_workflow("sleeper", SLEEPER)["id"]
            execution_id = laptop.execute(workflow_id, wait=0)["executionId"]
            fragile.revive("Temporal")
            assert UUID(execution_id) not in await Stragglers(stray, door_of(fragile)).look()
            fragile.revive("relay")
        wait_until_launched(stray, execution_id)
        await started_to_wait(fragile, execution_id)
        assert statuses(laptop, workflow_id, execution_id) == {"running"}


async def first_run(temporal: TemporalClient, execution_id: str) -> str:
    """Return the first of all runs of an execution."""
    history = await temporal.get_workflow_handle(f"execution:{execution_id}").fetch_history()
    return history.events[0].workflow_execution_started_event_attributes.first_execution_run_id
