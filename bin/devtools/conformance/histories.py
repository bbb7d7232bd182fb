"""Record histories for the replay tests: `python -m bin.devtools.conformance.histories [case …]`.

Each history is an execution by the current interpreter on a Temporal of its own, with plain
payloads. It is stored in a folder named by the interpreter's version. Without names, the cases
without a history are recorded; a named case is recorded again. The histories of a released version
stay, because running executions have the same. A change that makes their replay fail needs a new
version (ADR 0020).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bin.devtools.conformance.call_activities import calls
from bin.devtools.conformance.in_memory_events import Broker, Memory, complete
from bin.devtools.fakes import catalog, grpc, mcp_and_a2a, openapi
from bin.devtools.fakes.https_server import HOSTS, FakeServer, fake_server
from bin.devtools.stack.server import free_port
from bin.devtools.stack.temporal import start_temporal
from engine.contracts.events import EVENT
from engine.contracts.executions import EXECUTION, INTERPRETER, ExecutionStart, OpenedExecution
from engine.egress.guard import Egress
from engine.temporal.heartbeat_interceptor import Heartbeats
from engine.temporal_workflows.execution import ExecutionWorkflow

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "engine" / "interpreter" / "histories"
QUEUE = "recorded"
HEADER = {"dsl": "1.0.3", "namespace": "histories", "name": "case", "version": "1.0.0"}

PAUSE = {"pause": {"wait": {"milliseconds": 20}}}
FAIL = {"fail": {"raise": {"error": {"type": "urn:x", "status": 500}}}}
OTHER = {"namespace": "histories", "name": "other", "version": "1.0.0"}
# Workflows that the cases run, by name.
OTHERS: dict[str, dict[str, Any]] = {
    "other": {"document": HEADER | OTHER, "do": [PAUSE]},
    "slow": {"document": HEADER | OTHER | {"name": "slow"}, "do": [{"nap": {"wait": "PT20S"}}]},
}
FUNCTIONS = {"twice": {"do": [PAUSE, {"s": {"set": {"n": "${ $input.n * 2 }"}}}]}}
PETSTORE = {"endpoint": "https://petstore.swagger.io/v2/swagger.json"}
ORDER = "/myorg/schemas/refs/heads/main/order.yaml"
MESSAGES = {"endpoint": f"https://{openapi.API}/asyncapi.json"}
LOOP = {"for": {"in": "[range(3)]"}, "do": [PAUSE]}
TWICE = {"delay": "PT0.02S", "limit": {"attempt": {"count": 2, "duration": "PT5S"}}}
JITTER = {"jitter": {"from": "PT0.01S", "to": "PT0.03S"}, "limit": {"attempt": {"count": 1}}}
# By name; its first word is the kind of task that the case is of.
CASES: dict[str, dict[str, Any]] = {
    "set": {"set": {"a": "${ now }"}},
    "do": {"do": [PAUSE, {"s": {"set": {"a": 1}}}]},
    "do much": {
        "do": [{f"s{number}": {"set": {"n": "${ [.n] | length }"}}} for number in range(110)]
    },
    "switch": {"switch": [{"c": {"when": ".a == null", "then": "continue"}}]},
    "for": LOOP,
    "for long": {"for": {"in": "[range(450)]"}, "do": [{"s": {"set": {"a": 1}}}]},
    "wait": {"wait": {"milliseconds": 20}},
    "wait timeout": {"wait": "PT20S", "timeout": {"after": "PT0.05S"}},
    "raise": FAIL["fail"],
    "try": {"try": [FAIL], "catch": {"retry": TWICE, "do": [PAUSE]}},
    "try jitter": {"try": [FAIL], "catch": {"retry": JITTER}},
    "fork": {"fork": {"branches": [PAUSE, {"b": {"wait": "PT0.05S"}}, {"c": {"set": {"a": 1}}}]}},
    "fork compete": {"fork": {"compete": True, "branches": [{"slow": {"wait": "PT20S"}}, PAUSE]}},
    "fork fault": {
        "fork": {"branches": [{"slow": {"wait": "PT20S"}}, {"bad": {"do": [PAUSE, FAIL]}}]}
    },
    "emit": {"emit": {"event": {"with": {"type": "t"}}}},
    "listen": {
        "listen": {"to": {"any": [{"with": {"type": "t"}}], "until": "length == 2"}},
        "foreach": {"do": [PAUSE]},
    },
    "listen timeout": {"listen": {"to": {"any": []}}, "timeout": {"after": "PT0.05S"}},
    "call http": {
        "call": "http",
        "with": {"method": "get", "endpoint": "https://petstore.swagger.io/v2/pet/{id}"},
    },
    "schema elsewhere": {
        "set": {"id": 1},
        "output": {"schema": {"resource": {"endpoint": f"https://{catalog.HOST}{ORDER}"}}},
    },
    "call function": {"call": "twice", "with": {"n": 1}},
    "call catalog": {"call": "add:1.0.0@default", "with": {"a": 1, "b": 2}},
    "run": {"run": {"workflow": OTHER | {"input": {"n": 1}}}},
    "run unawaited": {"run": {"workflow": OTHER, "await": False}},
    "run fault": {"run": {"workflow": OTHER | {"name": "nowhere"}}},
    "run timeout": {"run": {"workflow": OTHER | {"name": "slow"}}, "timeout": {"after": "PT0.5S"}},
    "call openapi": {
        "call": "openapi",
        "with": {"document": PETSTORE, "operationId": "getPetById", "parameters": {"petId": 1}},
    },
    "call mcp": {
        "call": "mcp",
        "with": {
            "method": "tools/list",
            "transport": {"http": {"endpoint": f"https://{mcp_and_a2a.MCP}/"}},
        },
    },
    "call a2a": {
        "call": "a2a",
        "with": {
            "method": "message/send",
            "server": f"https://{mcp_and_a2a.A2A}/",
            "parameters": {"message": {}},
        },
    },
    "call grpc": {
        "call": "grpc",
        "with": {
            "proto": {"endpoint": f"https://{openapi.API}/greeter.proto"},
            "service": {"name": "Greeter", "host": grpc.HOST},
            "method": "CountUp",
            "arguments": {"to": 2},
        },
    },
    "call asyncapi": {
        "call": "asyncapi",
        "with": {
            "document": MESSAGES,
            "operation": "room",
            "message": {"payload": {"greeting": "Hi"}},
        },
    },
    "call subscription": {
        "call": "asyncapi",
        "with": {
            "document": MESSAGES,
            "operation": "stream",
            "subscription": {"consume": {"while": "length < 3"}, "foreach": {"do": [PAUSE]}},
        },
    },
}
# Recorded a second time, with a new run at every safe point.
IN_RUNS = (
    "for",
    "try",
    "fork",
    "wait timeout",
    "listen",
    "call function",
    "call subscription",
    "run",
)
CANCELLATION = "fork cancelled"  # the execution is cancelled while its branches wait


def file_of(case: str, run: int | None = None) -> str:
    """Return the name of the file that holds a case, or one of its runs."""
    name = case.replace(" ", "-")
    return f"{name}.json" if run is None else f"{name}.run-{run}.json"


async def record(
    client: Client, memory: Memory, case: str, *, rests_every: int
) -> list[WorkflowHistory]:
    """Execute a case, and return the histories of its runs."""
    step = CASES.get(case) or {
        "fork": {"branches": [{"a": {"wait": "PT20S"}}, {"b": {"wait": "PT30S"}}]}
    }
    document = {"document": HEADER, "use": {"functions": FUNCTIONS}, "do": [{"step": step}, PAUSE]}
    execution_id = f"{case.replace(' ', '-')}-{rests_every}"
    memory.openings[execution_id] = OpenedExecution(
        "d", 1, document, {"id": 2}, "a", rests_every=rests_every
    )
    handle = await client.start_workflow(
        EXECUTION,
        ExecutionStart(execution_id, "a"),
        id=f"execution:{execution_id}",
        task_queue=QUEUE,
        execution_timeout=timedelta(seconds=60),
    )
    if case == CANCELLATION:
        await _timer_started(handle)
        await handle.cancel()
    if case == "listen":
        events = [complete({"id": str(n), "type": "t", "data": {"n": n}}) for n in range(2)]
        await handle.signal(EVENT, events)
    try:
        await handle.result()
    except WorkflowFailureError:
        if execution_id not in memory.settlements:
            raise
    return [history async for history in _runs(client, handle)]


async def _timer_started(handle: WorkflowHandle[Any, Any]) -> None:
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            return


async def _runs(client: Client, handle: WorkflowHandle[Any, Any]) -> AsyncIterator[WorkflowHistory]:
    run_id = handle.first_execution_run_id
    while run_id:
        history = await client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()
        yield history
        last = history.events[-1].workflow_execution_continued_as_new_event_attributes
        run_id = last.new_execution_run_id


def _write(folder: Path, file: str, history: WorkflowHistory) -> None:
    # A signal that comes meanwhile makes the server repeat a task: that is no fault.
    for event in history.events:
        cause = event.workflow_task_failed_event_attributes.cause
        if cause and cause != WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND:
            name = WorkflowTaskFailedCause.Name(cause)
            raise SystemExit(f"{file}: a workflow task failed ({name}). Record it again.")
    document = history.to_json_dict() | {"workflowId": history.workflow_id}
    # Stack traces contain paths, so the recorder removes its own.
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    text = text.replace(f"{ROOT.resolve()}/", "")
    (folder / file).write_text(text + "\n")
    print(f"{len(text):7} bytes  {folder.name}/{file}")


async def record_all(cases: list[str], address: str, server: FakeServer, folder: Path) -> None:
    """Record the given cases into the folder."""
    client, memory = await Client.connect(address, identity="recorder"), Memory(saved=OTHERS)
    broker = Broker(client, memory.openings)
    guard = Egress(allow=",".join(HOSTS), resolver=server.resolve, ssl_context=server.ssl_context)
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[ExecutionWorkflow],
        activities=[
            *memory.activities(),
            *calls(guard),
            *broker.activities(),
        ],
        interceptors=[Heartbeats()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        for case in cases:
            (history,) = await record(client, memory, case, rests_every=0)
            _write(folder, file_of(case), history)
            if case in IN_RUNS:
                for run, part in enumerate(await record(client, memory, case, rests_every=1)):
                    _write(folder, file_of(case, run), part)


def main() -> None:
    """Record the cases that the command line names."""
    folder = FOLDER / str(INTERPRETER)
    folder.mkdir(parents=True, exist_ok=True)
    missing = [case for case in (*CASES, CANCELLATION) if not (folder / file_of(case)).exists()]
    cases = sys.argv[1:] or missing
    with TemporaryDirectory() as home, fake_server() as server:
        temporal, address, _ = start_temporal(Path(home), free_port(), free_port())
        try:
            asyncio.run(record_all(cases, address, server, folder))
        finally:
            temporal.stop()


if __name__ == "__main__":
    main()
