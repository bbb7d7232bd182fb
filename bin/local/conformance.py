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
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from bin.local.gherkin import Line, Scenario, scenarios
from bin.local.server import free_port
from bin.local.stand_in import HOSTS, StandIn, stand_in
from bin.local.temporal import start_temporal
from engine.activities.agents import AgentActivities
from engine.activities.heartbeats import Heartbeats
from engine.activities.http import HttpActivities
from engine.activities.openapi import OpenApiActivities
from engine.egress.guard import Egress
from engine.errors import EngineError, Fault
from engine.interpreter import contracts, grammar
from engine.interpreter.workflow import ExecutionWorkflow

Attempt = Callable[[Scenario], Awaitable[None]]
_NAMES = re.compile(r"'([^']+)'")


class DeviationError(Exception):
    """Where the engine does otherwise than the scenario says."""


@dataclass(slots=True)
class Memory:
    """Executions without a database: what they open and how they settled, by id."""

    openings: dict[str, contracts.Opened] = field(default_factory=dict)
    settlements: dict[str, contracts.Settlement] = field(default_factory=dict)
    rests_every: int = 0  # go on in a new run after so many safe points; 0 leaves that to Temporal

    @activity.defn(name=contracts.OPEN_EXECUTION)
    async def open(self, start: contracts.ExecutionStart) -> contracts.Opened:
        """Return the scenario's definition and input."""
        return self.openings[start.execution_id]

    @activity.defn(name=contracts.SETTLE_EXECUTION)
    async def settle(self, settlement: contracts.Settlement) -> str | None:
        """Keep the outcome; answer whoever waits with something that is not it."""
        self.settlements[settlement.execution_id] = settlement
        return "a.sealed.reply" if settlement.reply_key else None


@dataclass(slots=True)
class Trial:
    """One scenario as it is told line by line."""

    definition: dict[str, Any] = field(default_factory=dict)
    input: Any = None
    settlement: contracts.Settlement | None = None
    trail: list[str] = field(default_factory=list)
    refusals: list[Fault] = field(default_factory=list)

    def expect(self, line: Line) -> None:
        """Check one line of what should have happened.

        :raises DeviationError: when it did not.
        """
        settlement, text = self.settlement, line.text
        if text.startswith("the workflow should be refused with"):
            found = [{"pointer": fault.pointer, "detail": fault.detail} for fault in self.refusals]
            _same("refusals", found, _yaml(line.doc or ""))
            return
        if settlement is None:
            raise DeviationError("nothing was executed")
        names = _NAMES.findall(text)
        if text.startswith("the workflow should complete"):
            _same("error", settlement.error, None)
            if line.doc is not None:
                _same("output", settlement.result, _yaml(line.doc))
        elif text.startswith("the workflow should fault"):
            _same("status", settlement.status, "failed")
            wanted = _yaml(line.doc) if line.doc else {}
            _same("error", {name: (settlement.error or {}).get(name) for name in wanted}, wanted)
        elif "property with value" in text:
            _same(names[0], _at(settlement.result, names[0]), _yaml(line.doc or ""))
        elif count := re.search(r"containing (\d+) items", text):
            _same(names[0], len(_at(settlement.result, names[0])), int(count[1]))
        elif "should have properties" in text:
            for name in names:
                _at(settlement.result, name)
        else:
            self._expect_order(text)

    def _expect_order(self, text: str) -> None:
        first, after = text.partition(" should run ")[::2]
        if after == "first":
            _same("first step", self.trail[0], first)
        elif after == "last":
            _same("last step", self.trail[-1], first)
        elif after.startswith("after "):
            _same("order", self.trail.index(first) > self.trail.index(after.removeprefix("after ")), True)
        else:
            raise DeviationError(f"the harness does not know: {text}")


async def attempt(scenario: Scenario, client: Client, memory: Memory, queue: str) -> None:
    """Run one scenario.

    :raises DeviationError: saying what differs.
    """
    trial = Trial()
    for line in scenario.lines:
        if line.text == "a workflow with definition:":
            trial.definition = grammar.read(line.doc or "", "application/yaml")
        elif line.text == "given the workflow input is:":
            trial.input = _yaml(line.doc or "")
        elif line.text == "the workflow is checked":
            trial.refusals = grammar.check(trial.definition)
        elif line.text in ("the workflow is executed", "the workflow is executed unchecked"):
            await _execute(trial, client, memory, queue, checked=line.text.endswith("executed"))
        else:
            trial.expect(line)


async def _execute(trial: Trial, client: Client, memory: Memory, queue: str, *, checked: bool) -> None:
    faults = grammar.check(trial.definition) if checked else []
    if faults:
        raise DeviationError(f"refused: {faults[0].pointer} {faults[0].detail}")
    execution_id = str(uuid7())
    memory.openings[execution_id] = contracts.Opened(
        "kit", 1, trial.definition, trial.input, "kit", rests_every=memory.rests_every
    )
    handle = await client.start_workflow(
        contracts.EXECUTION,
        contracts.ExecutionStart(execution_id, "kit"),
        id=contracts.execution_workflow_id(execution_id),
        task_queue=queue,
        execution_timeout=timedelta(seconds=30),
    )
    try:
        await handle.result()
    except WorkflowFailureError:
        if execution_id not in memory.settlements:
            raise DeviationError("the execution was never settled") from None
    trial.settlement = memory.settlements[execution_id]
    trial.trail = await handle.query("trail")


@asynccontextmanager
async def worker(address: str, server: StandIn, *, rests_every: int = 0) -> AsyncIterator[Attempt]:
    """Run a worker of the engine, and give what tries a scenario on it; it raises DeviationError."""
    memory, client, queue = Memory(rests_every=rests_every), await Client.connect(address), f"kit-{uuid7()}"
    guard = Egress(allow=",".join(HOSTS), resolver=server.resolve, ssl_context=server.ssl_context)
    http = HttpActivities(guard)
    agents = AgentActivities(http)
    async with Worker(
        client,
        task_queue=queue,
        workflows=[ExecutionWorkflow],
        activities=[
            memory.open,
            memory.settle,
            http.call,
            OpenApiActivities(http).compose,
            agents.mcp,
            agents.a2a,
        ],
        interceptors=[Heartbeats()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield lambda scenario: attempt(scenario, client, memory, queue)


async def run(
    told: list[Scenario], address: str, server: StandIn, *, rests_every: int = 0
) -> tuple[int, int]:
    """Run every scenario and print its verdict; return how many passed, and of how many."""
    passed = 0
    async with worker(address, server, rests_every=rests_every) as try_out:
        for scenario in told:
            try:
                await try_out(scenario)
            except (DeviationError, EngineError) as error:
                print(f"FAIL  {scenario.feature}: {scenario.name}\n      {error}")
            else:
                passed += 1
                print(f"ok    {scenario.feature}: {scenario.name}")
    return passed, len(told)


def main() -> int:
    """Run the kit named on the command line; the exit code says whether as many passed as expected."""
    parser = argparse.ArgumentParser(prog="bin/conformance", description=__doc__)
    parser.add_argument("--kit", type=Path, required=True, help="the directory of the kit's feature files")
    parser.add_argument("--expect", type=int, default=0, help="fail when fewer scenarios pass")
    parser.add_argument(
        "--rests-every", type=int, default=0, help="go on in a new run after so many safe points"
    )
    asked = parser.parse_args()
    told = [scenario for path in sorted(asked.kit.glob("*.feature")) for scenario in scenarios(path)]
    with TemporaryDirectory() as home, stand_in() as server:
        temporal, address, _ = start_temporal(Path(home), free_port(), free_port())
        try:
            passed, total = asyncio.run(run(told, address, server, rests_every=asked.rests_every))
        finally:
            temporal.stop()
    print(f"{passed}/{total}")
    return 0 if total and passed >= asked.expect else 1


def _yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise DeviationError(f"{path} is missing in {value!r}")
        value = value[name]
    return value


def _same(what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise DeviationError(f"{what} is {found!r}, not {wanted!r}")


if __name__ == "__main__":
    sys.exit(main())
