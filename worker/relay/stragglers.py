"""Stragglers: executions that run by their rows while Temporal has closed or lost them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from engine.contracts.workflow_ids import ExecutionWorkflowId, parse_execution
from engine.workflows.executions import queries
from engine.workflows.executions.forced_ends import LOSS, ForcedEnd, end_of
from engine.workflows.executions.queries import RunningExecution
from worker.relay.temporal_client import TemporalConnection

PAGE_ROWS = 500
PAGES_MAX = 5  # of one look
DESCRIBED_MAX = 200  # of one look: each is a call
DESCRIBED_AT_ONCE = 16
# The last step of a workflow that closed less than this ago has ended its row or is about to.
SETTLING_PERIOD = timedelta(seconds=1)


class Stragglers:
    """Search for stragglers: a visibility query per page of rows, and calls for the missing."""

    def __init__(self, sessions: sessionmaker[Session], connection: TemporalConnection) -> None:
        self._sessions = sessions
        self._connection = connection
        self._after: RunningExecution | None = None

    async def look(self) -> dict[UUID, ForcedEnd]:
        """Return the ends of the next stragglers; after the last row, looks begin with the first.

        :raises RPCError: when the server does not answer.
        """
        ends: dict[UUID, ForcedEnd] = {}
        count = 0
        for _ in range(PAGES_MAX):
            rows = await asyncio.to_thread(self._page)
            # Launches in the outbox are about to start; Temporal has had all others.
            launched = [row for row in rows if not row.awaits_launch]
            visible = await self._find_visible([row.execution_id for row in launched])
            missing = [row for row in launched if row.execution_id not in visible]
            batch = missing[: DESCRIBED_MAX - count]
            ends |= await self._describe([row.execution_id for row in batch])
            count += len(batch)
            if len(batch) < len(missing):
                self._after = batch[-1] if batch else self._after
                return ends
            if len(rows) < PAGE_ROWS:
                self._after = None
                return ends
            self._after = rows[-1]
        return ends

    def _page(self) -> Sequence[RunningExecution]:
        with self._sessions() as session:
            return queries.list_running(session, after=self._after, limit=PAGE_ROWS)

    async def _find_visible(self, execution_ids: Collection[UUID]) -> set[UUID]:
        """Return those that run by visibility. Ids find new runs of old executions too."""
        if not execution_ids:
            return set()
        names = ", ".join(f"'{ExecutionWorkflowId(one)}'" for one in execution_ids)
        query = f"ExecutionStatus = 'Running' AND WorkflowId IN ({names})"
        visible, client = set[UUID](), await self._connection.client()
        async for workflow in client.list_workflows(query, page_size=len(execution_ids)):
            execution_id = parse_execution(workflow.id)
            if execution_id is not None:
                visible.add(execution_id)
        return visible

    async def _describe(self, execution_ids: Sequence[UUID]) -> dict[UUID, ForcedEnd]:
        """Return the ends of those that have ended; visibility lags, so each one is described."""
        turn, client = asyncio.Semaphore(DESCRIBED_AT_ONCE), await self._connection.client()

        async def describe(execution_id: UUID) -> ForcedEnd | None:
            async with turn:
                return await _forced_end(client, execution_id)

        ends = await asyncio.gather(*map(describe, execution_ids))
        pairs = zip(execution_ids, ends, strict=True)
        return {execution_id: end for execution_id, end in pairs if end is not None}


async def _forced_end(client: Client, execution_id: UUID) -> ForcedEnd | None:
    """Return the end of an execution; None while it runs or may still end its row itself."""
    handle = client.get_workflow_handle(str(ExecutionWorkflowId(execution_id)))
    try:
        description = await handle.describe()
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return LOSS
    running = {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW}
    if description.status in running or description.close_time is None:
        return None
    is_settled = datetime.now(UTC) - description.close_time > SETTLING_PERIOD
    return end_of(description.status) if is_settled else None
