"""The reconciler: ends the rows of executions whose workflows closed without doing so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.orm import Session, sessionmaker

from engine.contracts.executions import EXECUTION
from engine.contracts.workflow_ids import parse_execution
from engine.observability import metrics
from engine.store.account_scope import AccountScope
from engine.workflows.executions import completion, queries
from engine.workflows.executions.forced_ends import ForcedEnd, end_of
from engine.workflows.executions.queries import RunningExecution
from worker.relay.periodic import rounds
from worker.relay.stragglers import SETTLING_PERIOD, Stragglers
from worker.relay.temporal_client import TemporalConnection

LOOK_SECONDS = 2.0
# Visibility lags: looks overlap, so that none misses a workflow.
OVERLAP = timedelta(seconds=60)
# How far back the first look goes; what closed before is found among the stragglers.
FIRST_LOOK_PERIOD = timedelta(days=1)
STATUSES = "('Terminated', 'TimedOut', 'Canceled', 'Failed')"
log = structlog.get_logger()


class Reconciler:
    """Finds closed workflows in Temporal and ends the rows that still run.

    One query finds all that closes from now on. `Stragglers` finds, in turn, what closed unnoticed
    and what Temporal has lost. It needs neither keys nor a running worker: a row stores the name of
    such an end.
    """

    def __init__(self, sessions: sessionmaker[Session], connection: TemporalConnection) -> None:
        self._sessions = sessions
        self._connection = connection
        self._stragglers = Stragglers(sessions, connection)
        self._since = datetime.now(UTC) - FIRST_LOOK_PERIOD

    async def run(self) -> None:
        """Look every LOOK_SECONDS until cancelled, whatever is down in between."""
        looks = (self.look, self.look_for_stragglers)
        await asyncio.gather(
            *(rounds(look, seconds=LOOK_SECONDS, failed="not_reconciled") for look in looks)
        )

    async def look(self) -> None:
        """End the rows of workflows that closed since the last look.

        :raises RPCError: when the server does not answer.
        """
        start = datetime.now(UTC)
        query = (
            f"WorkflowType = '{EXECUTION}' AND ExecutionStatus IN {STATUSES} "
            f"AND CloseTime > '{self._since - OVERLAP:%Y-%m-%dT%H:%M:%SZ}'"
        )
        ends: dict[UUID, ForcedEnd] = {}
        client = await self._connection.client()
        async for workflow in client.list_workflows(query):
            execution_id = parse_execution(workflow.id)
            # The last step of a workflow that has just failed is about to end its row itself.
            is_settled = (
                workflow.close_time is None or start - workflow.close_time > SETTLING_PERIOD
            )
            if execution_id is not None and is_settled:
                ends[execution_id] = end_of(workflow.status)
        await self._end(ends)
        self._since = start

    async def look_for_stragglers(self) -> None:
        """End the rows of the next stragglers.

        :raises RPCError: when the server does not answer.
        """
        await self._end(await self._stragglers.look())

    async def _end(self, ends: Mapping[UUID, ForcedEnd]) -> None:
        ids = await asyncio.to_thread(self._settle, ends) if ends else []
        metrics.RECONCILIATIONS.inc(len(ids))
        for execution_id in ids:
            log.info("reconciled", execution=str(execution_id))

    def _settle(self, ends: Mapping[UUID, ForcedEnd]) -> Sequence[UUID]:
        """End the rows that still run; return the ids of the executions that this call ended."""
        with self._sessions() as session:
            running = queries.find_running(session, list(ends))
        return [
            execution.execution_id
            for execution in running
            if self._settle_one(execution, ends[execution.execution_id])
        ]

    def _settle_one(self, execution: RunningExecution, end: ForcedEnd) -> bool:
        with self._sessions.begin() as session:
            scope = AccountScope(session, execution.account_id, datetime.now(UTC))
            return completion.settle(
                scope, execution.execution_id, status="failed", ended_by=end.name
            )
