"""The conformance kit on the real engine: real workflows on the embedded Temporal, no network."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from bin.devtools.conformance.call_activities import calls
from bin.devtools.conformance.deviation import DeviationError, at, same
from bin.devtools.conformance.gherkin import Line, Scenario, scenarios
from bin.devtools.conformance.in_memory_events import Broker, Memory, complete
from bin.devtools.fakes.https_server import HOSTS, FakeServer, fake_server
from bin.devtools.stack.server import free_port
from bin.devtools.stack.temporal import start_temporal
from engine.contracts.executions import EXECUTION, ExecutionStart, Settlement
from engine.egress.guard import Egress
from engine.errors import EngineError, Fault
from engine.interpreter import documents
from engine.temporal.heartbeat_interceptor import Heartbeats
from engine.temporal_workflows.execution import ExecutionWorkflow
from engine.temporal_workflows.firing import FiringWorkflow
from engine.temporal_workflows.schedule import ScheduleWorkflow

Attempt = Callable[[Scenario], Awaitable[None]]
_FIRING = re.compile(
    r"the execution number (?P<number>\d+) of its schedule (?P<how>has begun|ends)"
)
_NAMES = re.compile(r"'([^']+)'")


@dataclass(slots=True)
class Trial:
    """State of one scenario while its lines are played."""

    definition: dict[str, Any] = field(default_factory=dict)
    input: Any = None
    secrets: dict[str, Any] = field(default_factory=dict)
    settlement: Settlement | None = None
    trail: list[str] = field(default_factory=list)
    account_id: str = field(default_factory=lambda: str(uuid7()))
    pending_id: str | None = None  # the execution that a later line waits for
    refusals: list[Fault] = field(default_factory=list)

    def expect(self, line: Line) -> None:
        """Check one line of the outcome.

        :raises DeviationError: when it does not hold
        """
        settlement, text = self.settlement, line.text
        if text.startswith("the workflow should be refused with"):
            refusals = [
                {"pointer": fault.pointer, "detail": fault.detail} for fault in self.refusals
            ]
            same("refusals", refusals, _yaml(line.doc or ""))
            return
        if settlement is None:
            raise DeviationError("nothing was executed")
        names = _NAMES.findall(text)
        if text.startswith("the workflow should complete"):
            same("error", settlement.error, None)
            if line.doc is not None:
                same("output", settlement.result, _yaml(line.doc))
        elif text.startswith("the workflow should fault"):
            same("status", settlement.status, "failed")
            members = _yaml(line.doc) if line.doc else {}
            same("error", {name: (settlement.error or {}).get(name) for name in members}, members)
        elif "property with value" in text:
            same(names[0], at(settlement.result, names[0]), _yaml(line.doc or ""))
        elif count := re.search(r"containing (\d+) items", text):
            same(names[0], len(at(settlement.result, names[0])), int(count[1]))
        elif "should have properties" in text:
            for name in names:
                at(settlement.result, name)
        else:
            self._expect_order(text)

    def _expect_order(self, text: str) -> None:
        first, after = text.partition(" should run ")[::2]
        if after == "first":
            same("first step", self.trail[0], first)
        elif after == "last":
            same("last step", self.trail[-1], first)
        elif after.startswith("after "):
            same(
                "order",
                self.trail.index(first) > self.trail.index(after.removeprefix("after ")),
                True,
            )
        else:
            raise DeviationError(f"the harness does not know: {text}")


async def attempt(scenario: Scenario, memory: Memory, broker: Broker, queue: str) -> None:
    """Run one scenario.

    :raises DeviationError: with the difference
    """
    trial = Trial()
    try:
        for line in scenario.lines:
            if line.text in ("a workflow with definition:", "given a workflow with definition:"):
                trial.definition = documents.read(line.doc or "", "application/yaml")
            elif line.text == "given the workflow input is:":
                trial.input = _yaml(line.doc or "")
            elif line.text == "the workflow is checked":
                trial.refusals = documents.check(trial.definition)
            elif line.text in ("the workflow is executed", "the workflow is executed unchecked"):
                check = line.text.endswith("executed")
                await _end(
                    trial,
                    await _start(trial, broker, queue, check=check),
                    broker.client,
                    memory,
                )
            elif not await _happen(line, trial, memory, broker, queue):
                trial.expect(line)
    finally:
        await broker.forget(trial.account_id)


async def _happen(line: Line, trial: Trial, memory: Memory, broker: Broker, queue: str) -> bool:
    """Play a line of our extensions of the kit; return whether it was one."""
    if line.text.endswith("another workflow with definition:"):
        memory.saved[str(uuid7())] = documents.read(line.doc or "", "application/yaml")
    elif line.text.startswith("given the secret '"):
        trial.secrets[_NAMES.findall(line.text)[0]] = _yaml(line.doc or "")
    elif line.text == "the workflow is started":
        trial.pending_id = await _start(trial, broker, queue)
    elif line.text == "the definition is saved":
        _check(trial.definition)
        await broker.schedule(trial.account_id, trial.definition, queue)
    elif line.text == "the event is published:":
        await broker.deliver(trial.account_id, complete(_yaml(line.doc or "")))
    elif line.text == "the workflow that was started ends":
        await _end(trial, trial.pending_id or "", broker.client, memory)
    elif match := _FIRING.fullmatch(line.text):
        execution_id = await broker.nth(trial.account_id, int(match["number"]))
        if match["how"] == "ends":
            await _end(trial, execution_id, broker.client, memory)
    else:
        return False
    return True


async def _start(trial: Trial, broker: Broker, queue: str, *, check: bool = True) -> str:
    if check:
        _check(trial.definition)
    execution_id = str(uuid7())
    broker.open(
        trial.account_id, execution_id, trial.definition, trial.input, secrets=trial.secrets
    )
    await broker.client.start_workflow(
        EXECUTION,
        ExecutionStart(execution_id, trial.account_id),
        id=f"execution:{execution_id}",
        task_queue=queue,
        execution_timeout=timedelta(seconds=30),
    )
    return execution_id


def _check(definition: dict[str, Any]) -> None:
    faults = documents.check(definition)
    if faults:
        raise DeviationError(f"refused: {faults[0].pointer} {faults[0].detail}")


async def _end(trial: Trial, execution_id: str, client: Client, memory: Memory) -> None:
    handle = client.get_workflow_handle(f"execution:{execution_id}")
    try:
        await handle.result()
    except WorkflowFailureError:
        if execution_id not in memory.settlements:
            raise DeviationError("the execution was never settled") from None
    trial.settlement = memory.settlements[execution_id]
    trial.trail = await handle.query("trail")


@asynccontextmanager
async def worker(
    address: str, server: FakeServer, *, rests_every: int = 0
) -> AsyncIterator[Attempt]:
    """Run a worker of the engine; yield a function that plays a scenario on it."""
    client, queue = await Client.connect(address), f"kit-{uuid7()}"
    memory = Memory(rests_every=rests_every)
    broker = Broker(client, memory.openings, rests_every)
    guard = Egress(allow=",".join(HOSTS), resolver=server.resolve, ssl_context=server.ssl_context)
    async with Worker(
        client,
        task_queue=queue,
        workflows=[ExecutionWorkflow, ScheduleWorkflow, FiringWorkflow],
        activities=[
            *memory.activities(),
            *calls(guard),
            *broker.activities(),
        ],
        interceptors=[Heartbeats()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        yield lambda scenario: attempt(scenario, memory, broker, queue)


async def run(
    group: list[Scenario], address: str, server: FakeServer, *, rests_every: int = 0
) -> tuple[int, int]:
    """Run every scenario and print its verdict; return how many passed, and of how many."""
    count = 0
    async with worker(address, server, rests_every=rests_every) as try_out:
        for scenario in group:
            try:
                await try_out(scenario)
            except (DeviationError, EngineError) as error:
                print(f"FAIL  {scenario.feature}: {scenario.name}\n      {error}")
            else:
                count += 1
                print(f"ok    {scenario.feature}: {scenario.name}")
    return count, len(group)


def main() -> int:
    """Run the kit of the command line; return 0 when as many scenarios pass as expected."""
    parser = argparse.ArgumentParser(prog="bin/conformance", description=__doc__)
    parser.add_argument(
        "--kit", type=Path, required=True, help="the directory of the kit's feature files"
    )
    parser.add_argument("--expect", type=int, help="fail when fewer scenarios pass (all)")
    parser.add_argument(
        "--rests-every", type=int, default=0, help="go on in a new run after so many safe points"
    )
    options = parser.parse_args()
    group = [
        scenario for path in sorted(options.kit.glob("*.feature")) for scenario in scenarios(path)
    ]
    with TemporaryDirectory() as home, fake_server() as server:
        temporal, address, _ = start_temporal(Path(home), free_port(), free_port())
        try:
            count, total = asyncio.run(run(group, address, server, rests_every=options.rests_every))
        finally:
            temporal.stop()
    print(f"{count}/{total}")
    return 0 if total and count >= (options.expect or total) else 1


def _yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


if __name__ == "__main__":
    sys.exit(main())
