from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from engine.interpreter.replies import ReplyPayloadConverter
from engine.interpreter.workflow import ExecutionWorkflow
from tests.engine.interpreter.conftest import Execute

PAUSE = {"pause": {"wait": {"milliseconds": 20}}}
FAIL = {"fail": {"raise": {"error": {"type": "urn:x", "status": 500}}}}
KINDS: dict[str, dict[str, Any]] = {
    "set": {"set": {"a": "${ now }"}},
    "do": {"do": [PAUSE, {"s": {"set": {"a": 1}}}]},
    "switch": {"switch": [{"c": {"when": ".a == null", "then": "continue"}}]},
    "for": {"for": {"in": "[range(3)]"}, "do": [PAUSE]},
    "wait": {"wait": {"milliseconds": 20}},
    "raise": FAIL["fail"],
    "try": {"try": [FAIL], "catch": {"retry": {"delay": "PT0.02S", "limit": {"attempt": {"count": 2}}}}},
    "jitter": {
        "try": [FAIL],
        "catch": {
            "retry": {"jitter": {"from": "PT0.01S", "to": "PT0.03S"}, "limit": {"attempt": {"count": 1}}}
        },
    },
    "fork": {"fork": {"branches": [PAUSE, {"b": {"wait": "PT0.05S"}}, {"c": {"set": {"a": 1}}}]}},
    "compete": {"fork": {"compete": True, "branches": [{"slow": {"wait": "PT20S"}}, PAUSE]}},
    "emit": {"emit": {"event": {"with": {"type": "t"}}}},
    "timeout": {"wait": "PT20S", "timeout": {"after": "PT0.05S"}},
    "long": {"for": {"in": "[range(450)]"}, "do": [{"s": {"set": {"a": 1}}}]},
}


async def replay(history: WorkflowHistory) -> None:
    replayer = Replayer(
        workflows=[ExecutionWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=replace(DataConverter.default, payload_converter_class=ReplyPayloadConverter),
    )
    await replayer.replay_workflow(history)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_history_replays_the_same_way(execute: Execute, kind: str) -> None:
    ran = await execute([{"step": KINDS[kind]}, PAUSE], {})
    history = await ran.handle.fetch_history()
    await replay(history)
    assert len(history.events) > 6


async def test_a_history_of_calls_replays_the_same_way(execute: Execute, service: int) -> None:
    ask = {"ask": {"call": "http", "with": {"method": "get", "endpoint": f"http://127.0.0.1:{service}/"}}}
    ran = await execute([{"both": {"fork": {"branches": [ask, {"again": ask["ask"]}]}}}, PAUSE], {})
    assert len(ran.output) == 2
    await replay(await ran.handle.fetch_history())
