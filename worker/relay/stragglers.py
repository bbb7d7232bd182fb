"""Stragglers: executions that run by their rows while Temporal has closed them, or knows them no more."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from engine.contracts import executions
from engine.workflows.executions import unfinished
from engine.workflows.executions.forced_ends import LOST, Ending, ending_of
from engine.workflows.executions.unfinished import Running
from worker.relay.temporal_client import Door

PAGE_ROWS = 500
PAGES_MOST = 5  # of one look
DESCRIBED_MOST = 200  # of one look: each is a call
DESCRIBED_AT_ONCE = 16
# What closed a moment ago is about to be settled by its own last step, or was.
PATIENCE = timedelta(seconds=1)


class Stragglers:
    """Looks at what runs by its row: a question to visibility for each page, calls for what is not there."""

    def __init__(self, sessions: sessionmaker[Session], door: Door) -> None:
        self._sessions = sessions
        self._door = door
        self._after: Running | None = None

    async def look(self) -> dict[UUID, Ending]:
        """Return how executions ended whose rows do not know of it, of those whose turn it is.

        After the last of all, the next look begins with the first again.
        """
        found: dict[UUID, Ending] = {}
        asked = 0
        for _ in range(PAGES_MOST):
            rows = await asyncio.to_thread(self._page)
            # What waits in the outbox is about to start; all else Temporal has had (`executions.start`).
            begun = [row for row in rows if not row.awaits_start]
            there = await self._visible([row.execution_id for row in begun])
            missing = [row for row in begun if row.execution_id not in there]
            some = missing[: DESCRIBED_MOST - asked]
            found |= await self._described([row.execution_id for row in some])
            asked += len(some)
            if len(some) < len(missing):
                self._after = some[-1] if some else self._after
                return found
            if len(rows) < PAGE_ROWS:
                self._after = None
                return found
            self._after = rows[-1]
        return found

    def _page(self) -> Sequence[Running]:
        with self._sessions() as session:
            return unfinished.page(session, after=self._after, limit=PAGE_ROWS)

    async def _visible(self, execution_ids: Collection[UUID]) -> set[UUID]:
        """Return those that run by visibility, asked by id: a new run of an old one has started lately."""
        if not execution_ids:
            return set()
        named = ", ".join(
            f"'{executions.execution_workflow_id(str(one))}'" for one in execution_ids
        )
        query = f"ExecutionStatus = 'Running' AND WorkflowId IN ({named})"
        found, client = set[UUID](), await self._door.client()
        async for run in client.list_workflows(query, page_size=len(execution_ids)):
            execution_id = executions.executed_by(run.id)
            if execution_id is not None:
                found.add(execution_id)
        return found

    async def _described(self, execution_ids: Sequence[UUID]) -> dict[UUID, Ending]:
        """Ask for each, since visibility lags behind; return those that have ended."""
        turn, client = asyncio.Semaphore(DESCRIBED_AT_ONCE), await self._door.client()

        async def describe(execution_id: UUID) -> Ending | None:
            async with turn:
                return await _ending(client, execution_id)

        endings = await asyncio.gather(*map(describe, execution_ids))
        pairs = zip(execution_ids, endings, strict=True)
        return {execution_id: ending for execution_id, ending in pairs if ending is not None}


async def _ending(client: Client, execution_id: UUID) -> Ending | None:
    handle = client.get_workflow_handle(executions.execution_workflow_id(str(execution_id)))
    try:
        told = await handle.describe()
    except RPCError as fault:
        if fault.status != RPCStatusCode.NOT_FOUND:
            raise
        return LOST
    goes_on = {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW}
    if told.status in goes_on or told.close_time is None:
        return None
    return ending_of(told.status) if datetime.now(UTC) - told.close_time > PATIENCE else None
