"""The interpreter replays the histories that `bin.devtools.conformance.histories` recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.workflow import NondeterminismError

from bin.devtools.conformance.histories import CASES, FOLDER, IN_RUNS, file_of
from engine.contracts.executions import INTERPRETER
from engine.interpreter.constructs import registry, wait_task
from engine.interpreter.constructs.call_task import CALLS
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.model import TaskResult
from tests.support.interpreter.executions import Execute
from tests.support.interpreter.replays import replay

RECORDED = sorted(FOLDER.glob("*/*.json"))
TODAY = FOLDER / str(INTERPRETER)


def read(path: Path) -> WorkflowHistory:
    told = json.loads(path.read_text())
    return WorkflowHistory.from_json(told.pop("workflowId"), told)


@pytest.mark.unit
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name} {path.stem}")
async def test_a_recorded_history_replays_the_same_way(path: Path) -> None:
    await replay(read(path))


@pytest.mark.unit
@pytest.mark.parametrize("kind", registry.CONSTRUCTS)
def test_every_kind_of_step_has_a_recorded_history(kind: str) -> None:
    cases = [case for case in CASES if case.split()[0] == kind]
    assert cases
    for case in cases:
        assert kind in CASES[case]
        assert (TODAY / file_of(case)).exists()
        assert (TODAY / file_of(case, 1)).exists() or case not in IN_RUNS


@pytest.mark.unit
@pytest.mark.parametrize("called", CALLS)
def test_every_kind_of_call_has_a_recorded_history(called: str) -> None:
    assert (TODAY / file_of(f"call {called}")).exists()
    assert CASES[f"call {called}"]["call"] == called


@pytest.mark.unit
async def test_a_step_that_takes_another_way_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: wait_task.Wait, __: Interpreter, data: object, ___: Scope) -> TaskResult:
        return TaskResult(data)

    monkeypatch.setattr(wait_task.Wait, "run", at_once)
    with pytest.raises(NondeterminismError):
        await replay(read(TODAY / file_of("wait")))


@pytest.mark.stack
async def test_a_history_of_calls_replays_the_same_way(execute: Execute, service: int) -> None:
    ask = {
        "ask": {
            "call": "http",
            "with": {"method": "get", "endpoint": f"http://127.0.0.1:{service}/"},
        }
    }
    execution = await execute(
        [{"both": {"fork": {"branches": [ask, {"again": ask["ask"]}]}}}, ask], {}
    )
    assert execution.output["method"] == "GET"
    await replay(await execution.handle.fetch_history())
