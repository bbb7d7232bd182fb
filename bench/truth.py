"""How soon rows follow what ended an execution in Temporal: `python -m bench.truth`.

By cause, with a worker and without, ROUNDS executions one after another: the seconds from the moment Temporal
knows of the end to the moment the execution, the lists and the workflow's status all say so. Prints the
median and the most.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import psycopg
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client as TemporalClient
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from bench.platform import HOME, Measured, measured
from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.platform import processes
from bin.devtools.stack.server import free_port

ROUNDS = 5
SECONDS_MAX = "3"  # of an execution that runs out of time
DOCUMENT = "document: {dsl: '1.0.3', namespace: bench, name: nap, version: '1.0.0'}\ndo: [{nap: {wait: PT1H}}]\n"
Handle = WorkflowHandle[Any, Any]


async def terminated(_: TemporalClient, handle: Handle) -> None:
    """End it as the button of the UI does."""
    await handle.terminate()


async def cancelled(_: TemporalClient, handle: Handle) -> None:
    """Have it clean up, as the other button does."""
    await handle.cancel()
    await closed(handle)


async def out_of_time(_: TemporalClient, handle: Handle) -> None:
    """Wait until it may last no longer."""
    await closed(handle)


async def deleted(client: TemporalClient, handle: Handle) -> None:
    """Delete it with its history, and see it gone."""
    named = WorkflowExecution(workflow_id=handle.id)
    request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=named)
    await client.workflow_service.delete_workflow_execution(request)
    try:
        while True:
            await handle.describe()
    except RPCError:
        return


async def closed(handle: Handle) -> None:
    """Return once the execution is not running any more."""
    while (await handle.describe()).status == WorkflowExecutionStatus.RUNNING:
        pass


HARD_ENDS = (terminated, deleted, out_of_time)  # no walk has a word in them
ENDS = (*HARD_ENDS, cancelled)


async def until(holds: Callable[[], bool]) -> None:
    """Return once it holds."""
    while True:
        if holds():
            return
        await asyncio.sleep(0.02)


def said(client: Client, workflow_id: str, execution_id: str) -> set[str]:
    """Return all that is said of how an execution stands, but for its outcome, which a worker has to open."""
    told = {client.request("GET", f"/api/workflows/{workflow_id}")["workflow"]["status"]}
    for path in ("/api/executions", f"/api/workflows/{workflow_id}/executions"):
        found = client.request("GET", path)["executions"]
        told |= {one["status"] for one in found if one["executionId"] == execution_id}
    return told


async def followed(
    platform: Measured, client: Client, end: Callable[..., Awaitable[None]]
) -> float:
    """Return the seconds until all follow one end."""
    temporal = await TemporalClient.connect(platform.stack.temporal_address)
    workflow_id = client.create_workflow("nap", DOCUMENT)["id"]
    execution_id = client.execute(workflow_id, wait=0)["executionId"]
    if end is deleted:  # what waits in the outbox would be started again
        query = "SELECT count(*) FROM outbox WHERE subject = %s"
        with psycopg.connect(platform.stack.database_url, autocommit=True) as connection:
            await until(lambda: connection.execute(query, [execution_id]).fetchone() == (0,))
    await end(temporal, temporal.get_workflow_handle(f"execution:{execution_id}"))
    began = time.perf_counter()
    await until(lambda: said(client, workflow_id, execution_id) == {"failed"})
    return time.perf_counter() - began


async def main() -> None:
    """End executions by each cause in turn, and print."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with measured() as platform:
        strict = platform.environ | {"PORT": str(port), "EXECUTION_SECONDS_MAX": SECONDS_MAX}
        with (
            processes(strict, HOME / "logs-strict", ("web",)),
            Client(url, "laptop", Keys.fresh()) as short,
        ):
            email = f"{uuid4()}@example.org"
            short.register(email, "a long pass phrase")
            with Client(platform.api_url, "laptop", short.keys) as client:
                client.login(email, "a long pass phrase")
                for ends, where in ((ENDS, ""), (HARD_ENDS, ", no worker running")):
                    if where:
                        platform.servers["temporal"].stop()
                    for end in ends:
                        asks = short if end is out_of_time else client
                        took = [await followed(platform, asks, end) for _ in range(ROUNDS)]
                        name = end.__name__.replace("_", " ") + where
                        print(
                            f"{name}: median {statistics.median(took):.1f} s, most {max(took):.1f} s"
                        )


if __name__ == "__main__":
    asyncio.run(main())
