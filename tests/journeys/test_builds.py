"""A worker with a changed interpreter is deployed while executions run: none fails or hangs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from sqlalchemy.orm import sessionmaker
from temporalio import workflow
from temporalio.client import Client as TemporalClient
from temporalio.client import WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from bin.devtools.stack.client import Client
from bin.devtools.stack.platform import ROOT
from bin.devtools.stack.server import Server, start, stop_all
from engine.config.settings import Settings
from engine.crypto.keyring import Keyring
from engine.store.sessions import make_engine
from engine.temporal.connection import connect
from engine.temporal.payload_offload import claim_check
from engine.temporal.payload_owners import WorkflowOwners
from engine.temporal_workflows.execution import ExecutionWorkflow
from tests.support.journeys.changed_worker import ChangedWorkflow
from tests.support.journeys.executions import HEAD, wait_for_end
from tests.support.journeys.fragile import Fragile
from tests.support.journeys.gate import Gate
from tests.support.platform import new_agent
from tests.support.waiting import until
from tests.support.web.events import event, publish, starter
from worker.temporal import builds

pytestmark = pytest.mark.journey


TODAY, CHANGED = "worker.temporal", "tests.support.journeys.changed_worker"


@dataclass(slots=True)
class Fleet:
    """Builds of the worker beside one another, in the place of the one that has none."""

    fragile: Fragile
    settings: Settings
    client: TemporalClient
    servers: dict[str, Server] = field(default_factory=dict)

    def deploy(self, build: str, module: str) -> None:
        """Start a worker of a build, as its host would after a release."""
        environ = os.environ | self.fragile.platform.environ | {"WORKER_BUILD_ID": build}
        log = self.fragile.platform.logs / f"worker-{build}-{len(self.servers)}.log"
        command = ["/bin/sh", "-c", f"cd {ROOT} && exec {sys.executable} -m {module}"]
        self.servers[build] = start(build, command, log=log, ready=lambda: True, env=environ)

    def says(self, build: str, word: str) -> bool:
        """Tell whether a worker has logged something."""
        return word in self.servers[build].log.read_text()

    async def wait_for_status(self, build: str, word: str) -> None:
        """Return once Temporal says of the build that it is current, draining or drained."""
        line = None
        while line is None or word not in line:
            await asyncio.sleep(0.1)
            with suppress(RPCError):  # until there is a first worker
                info = (await builds.describe(self.client, self.settings)).worker_deployment_info
                line = next(
                    (one for one in builds.status_lines(info) if one.startswith(f"{build} ")), None
                )

    async def build_of(self, execution_id: str) -> str:
        """Return the build that an execution is walked by."""
        description = await self.client.get_workflow_handle(f"execution:{execution_id}").describe()
        info = description.raw_description.workflow_execution_info.versioning_info
        return str(info.deployment_version.build_id)


@pytest.fixture
async def fleet(fragile: Fragile) -> AsyncIterator[Fleet]:
    """No worker yet, on a platform that gets its own back."""
    client = await TemporalClient.connect(fragile.stack.temporal_address)
    fragile.kill("temporal")
    instance = Fleet(fragile, Settings.from_env(fragile.platform.environ), client)
    yield instance
    stop_all(list(instance.servers.values()))
    with suppress(RPCError):  # no build was ever there
        await builds.make_current(client, instance.settings, "")
    fragile.revive("temporal")


def begin(laptop: Client, does: str) -> str:
    """Start an execution of one step; return its id."""
    workflow = laptop.create_workflow("one step", f"{HEAD}do: [{{step: {does}}}]")
    assert workflow["diagnostics"] == []
    execution_id: str = laptop.execute(workflow["id"], {}, wait=0)["executionId"]
    return execution_id


async def replays(fleet: Fleet, history: WorkflowHistory, walks: type) -> BaseException | None:
    """Return why a history does not replay on an interpreter, or nothing when it does."""
    engine = make_engine(fleet.settings)
    sessions = sessionmaker(engine)
    storage = claim_check(sessions, bytes_min=fleet.settings.claim_bytes_min)
    owners = WorkflowOwners(sessions, Keyring(fleet.settings.secrets("keyring")))
    client = await connect(fleet.settings, keyed=True, storage=storage, owners=owners)
    replayer = Replayer(
        workflows=[walks],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=client.data_converter,
        debug_mode=True,  # no two seconds a task: for one that is broken off it waits for ever
    )
    failure = (
        await replayer.replay_workflow(history, raise_on_replay_failure=False)
    ).replay_failure
    engine.dispose()
    return failure


async def test_a_changed_interpreter_walks_what_is_new_and_leaves_the_old_to_the_old(
    fleet: Fleet, gate: Gate
) -> None:
    fleet.deploy("a", TODAY)
    await fleet.wait_for_status("a", "current")
    gate.blocked_paths = {"/held"}
    with new_agent(fleet.fragile.platform) as laptop:
        call = f"{{call: http, with: {{method: put, endpoint: {gate.url}/held, body: {{a: 1}}}}}}"
        old = [
            begin(laptop, does)
            for does in (call, "{listen: {to: {one: {with: {type: go}}}}}", "{wait: {seconds: 5}}")
        ]
        gate.waits(1)
        fleet.deploy("b", CHANGED)
        await fleet.wait_for_status("b", "current")
        # The host starts the old build again, which is what new executions began on before.
        fleet.servers["a"].stop()
        fleet.deploy("a", TODAY)
        until(lambda: fleet.says("a", "promotion_not_needed"))
        new = [begin(laptop, "{set: {b: 2}}") for _ in range(3)]
        assert [laptop.open_result(wait_for_end(laptop, one)) for one in new] == [{"b": 2}] * 3
        assert {await fleet.build_of(one) for one in new} == {"b"}

        gate.let_go()
        assert publish(laptop, event("go"), path=f"/api/executions/{old[1]}/events").is_success
        assert [wait_for_end(laptop, one)["status"] for one in old] == ["completed"] * 3
        assert {await fleet.build_of(one) for one in old} == {"a"}

        await fleet.wait_for_status("a", "drained")
        fleet.servers["a"].stop()
        last = begin(laptop, "{set: {c: 3}}")
        assert laptop.open_result(wait_for_end(laptop, last)) == {"c": 3}
        assert await fleet.build_of(last) == "b"
    history = await fleet.client.get_workflow_handle(f"execution:{old[2]}").fetch_history()
    assert await replays(fleet, history, ExecutionWorkflow) is None
    assert isinstance(await replays(fleet, history, ChangedWorkflow), workflow.NondeterminismError)


async def test_what_schedules_begin_runs_on_the_current_build(fleet: Fleet) -> None:
    fleet.deploy("a", TODAY)
    await fleet.wait_for_status("a", "current")
    with new_agent(fleet.fragile.platform) as laptop:
        workflow = laptop.create_workflow("clocked", f"{HEAD}do: [{{step: {{set: {{n: 1}}}}}}]")
        body = {"workflowId": workflow["id"], "every": 1}
        schedule = laptop.request("POST", "/api/schedules", json=body)
        by_event = laptop.create_workflow("told", starter("go"))
        assert by_event["diagnostics"] == []

        def runs() -> set[str]:
            """Return the executions of both workflows, having sent an event that makes one more."""
            publish(laptop, event("go"))
            return {
                run["executionId"]
                for workflow_id in (workflow["id"], by_event["id"])
                for run in laptop.request("GET", f"/api/workflows/{workflow_id}/executions")[
                    "executions"
                ][:1]
            }

        before = until(lambda: run_ids if len(run_ids := runs()) == 2 else None)
        assert [wait_for_end(laptop, one)["status"] for one in before] == ["completed"] * 2
        assert {await fleet.build_of(one) for one in before} == {"a"}
        fleet.deploy("b", CHANGED)
        await fleet.wait_for_status("b", "current")
        await fleet.wait_for_status("a", "drained")
        fleet.servers["a"].stop()
        earlier_runs = runs()
        after = until(lambda: run_ids if not (run_ids := runs()) & earlier_runs else None)
        assert [wait_for_end(laptop, one)["status"] for one in after] == ["completed"] * 2
        assert {await fleet.build_of(one) for one in after} == {"b"}
        path = f"/api/schedules/{schedule['id']}"
        assert laptop.http.delete(path, headers={"If-Match": "*"}).is_success
