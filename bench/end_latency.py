"""How soon rows follow what ended an execution in Temporal: `python -m bench.end_latency`.

By cause, with a worker and without, ROUNDS executions one after another. Measures the seconds from
the moment at which Temporal knows the end to the moment at which the execution, the lists and the
workflow's status show it. Prints the median and the maximum.
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

from bench.platform import HOME, PlatformUnderTest, run_platform
from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.platform import processes
from bin.devtools.stack.server import free_port

ROUNDS = 5
SECONDS_MAX = "3"  # of an execution that runs out of time
DOCUMENT = """\
document: {dsl: '1.0.3', namespace: bench, name: nap, version: '1.0.0'}
do: [{nap: {wait: PT1H}}]
"""
Handle = WorkflowHandle[Any, Any]


async def terminate(_: TemporalClient, handle: Handle) -> None:
    """End the execution as the Temporal UI's terminate button does."""
    await handle.terminate()


async def cancel(_: TemporalClient, handle: Handle) -> None:
    """Cancel the execution as the Temporal UI's cancel button does; it may clean up."""
    await handle.cancel()
    await wait_until_closed(handle)


async def let_time_out(_: TemporalClient, handle: Handle) -> None:
    """Wait until the execution exceeds its time."""
    await wait_until_closed(handle)


async def delete(client: TemporalClient, handle: Handle) -> None:
    """Delete the execution with its history, and wait until it is gone."""
    execution = WorkflowExecution(workflow_id=handle.id)
    request = DeleteWorkflowExecutionRequest(
        namespace=client.namespace, workflow_execution=execution
    )
    await client.workflow_service.delete_workflow_execution(request)
    try:
        while True:
            await handle.describe()
    except RPCError:
        return


async def wait_until_closed(handle: Handle) -> None:
    """Return once the execution is not running any more."""
    while (await handle.describe()).status == WorkflowExecutionStatus.RUNNING:
        pass


HARD_ENDS = {  # no workflow code runs at such an end
    "terminated": terminate,
    "deleted": delete,
    "out of time": let_time_out,
}
ENDS = HARD_ENDS | {"cancelled": cancel}


async def until(holds: Callable[[], bool]) -> None:
    """Return once a condition holds."""
    while True:
        if holds():
            return
        await asyncio.sleep(0.02)


def statuses(client: Client, workflow_id: str, execution_id: str) -> set[str]:
    """Return all statuses that the API shows of an execution; a worker has to open its outcome."""
    values = {client.request("GET", f"/api/workflows/{workflow_id}")["workflow"]["status"]}
    for path in ("/api/executions", f"/api/workflows/{workflow_id}/executions"):
        page = client.request("GET", path)["executions"]
        values |= {row["status"] for row in page if row["executionId"] == execution_id}
    return values


async def measure_end(
    platform: PlatformUnderTest, client: Client, end: Callable[..., Awaitable[None]]
) -> float:
    """End one execution; return the seconds until the API shows its end everywhere."""
    temporal = await TemporalClient.connect(platform.stack.temporal_address)
    workflow_id = client.create_workflow("nap", DOCUMENT)["id"]
    execution_id = client.execute(workflow_id, wait=0)["executionId"]
    if end is delete:  # the relay would start again what waits in the outbox
        query = "SELECT count(*) FROM outbox WHERE subject = %s"
        with psycopg.connect(platform.stack.database_url, autocommit=True) as connection:
            await until(lambda: connection.execute(query, [execution_id]).fetchone() == (0,))
    await end(temporal, temporal.get_workflow_handle(f"execution:{execution_id}"))
    began = time.perf_counter()
    await until(lambda: statuses(client, workflow_id, execution_id) == {"failed"})
    return time.perf_counter() - began


async def main() -> None:
    """End executions by each cause in turn, and print."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with run_platform() as platform:
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
                    for name, end in ends.items():
                        asker = short if end is let_time_out else client
                        took = [await measure_end(platform, asker, end) for _ in range(ROUNDS)]
                        print(
                            f"{name}{where}: median {statistics.median(took):.1f} s, "
                            f"most {max(took):.1f} s"
                        )


if __name__ == "__main__":
    asyncio.run(main())
