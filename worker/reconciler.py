"""The reconciler: settles executions that ended without their interpreter having a word."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from engine import executions
from engine.interpreter import contracts
from engine.interpreter.faults import STANDARD, TYPES
from engine.outcomes import Outcomes

LOOK_SECONDS = 2.0
# Visibility lags behind the truth; a row is looked at again rather than missed.
OVERLAP = timedelta(seconds=60)
# A fresh failure is about to be settled by its own last step.
PATIENCE = timedelta(seconds=1)
ENDED = "('Terminated', 'TimedOut', 'Canceled', 'Failed')"
KINDS = {WorkflowExecutionStatus.TIMED_OUT: ("timeout", "The execution took longer than it may.")}
STOPPED = ("runtime", "The execution was stopped from outside.")


class Reconciler:
    """Asks Temporal which executions closed, and ends the rows that do not know of it."""

    def __init__(self, client: Client, sessions: sessionmaker[Session], outcomes: Outcomes) -> None:
        self._client = client
        self._sessions = sessions
        self._outcomes = outcomes
        self._since = datetime.now(UTC) - timedelta(days=1)

    async def run(self) -> None:
        """Look every LOOK_SECONDS until cancelled, whatever is down in between."""
        while True:
            try:
                await self.look()
            except (RPCError, OperationalError) as fault:
                structlog.get_logger().warning("not_reconciled", error=type(fault).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Settle what closed since the last look."""
        began = datetime.now(UTC)
        query = (
            f"WorkflowType = '{contracts.EXECUTION}' AND ExecutionStatus IN {ENDED} "
            f"AND CloseTime > '{self._since - OVERLAP:%Y-%m-%dT%H:%M:%SZ}'"
        )
        closed: dict[UUID, WorkflowExecutionStatus | None] = {}
        async for found in self._client.list_workflows(query):
            execution_id = contracts.executed_by(found.id)
            old = found.close_time is None or began - found.close_time > PATIENCE
            if execution_id is not None and old:
                closed[execution_id] = found.status
        settled = await asyncio.to_thread(self._settle, closed) if closed else []
        self._since = began
        for execution_id in settled:
            structlog.get_logger().info("reconciled", execution=str(execution_id))

    def _settle(self, closed: dict[UUID, WorkflowExecutionStatus | None]) -> Sequence[UUID]:
        with self._sessions.begin() as session:
            rows = executions.still_running(session, list(closed))
            for execution_id, account_id in rows:
                kind, detail = KINDS.get(closed[execution_id] or WorkflowExecutionStatus.FAILED, STOPPED)
                status, title = STANDARD[kind]
                error = {"type": TYPES + kind, "status": status, "title": title, "detail": detail}
                self._outcomes.settle(
                    session,
                    account_id=account_id,
                    execution_id=execution_id,
                    status="failed",
                    outcome={"error": error},
                    now=datetime.now(UTC),
                )
            return [execution_id for execution_id, _ in rows]
