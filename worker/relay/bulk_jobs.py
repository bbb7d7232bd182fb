"""What the relay does for accounts in bulk, a batch at a time between all else that it carries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client

from engine.config.settings import Settings
from engine.contracts.executions import execution_workflow_id
from engine.store import outbox
from engine.store.outbox import OutboxMessage
from engine.workflows.executions import bulk_jobs
from worker.relay.temporal_client import Door

BATCHES = 4  # of one job before others have their turn


class Bulk:
    """Works on bulk jobs, and has Temporal forget executions that are no more."""

    def __init__(self, settings: Settings, sessions: sessionmaker[Session], door: Door) -> None:
        self._settings = settings
        self._sessions = sessions
        self._door = door

    async def work(self, messages: Sequence[OutboxMessage]) -> None:
        """Do some batches of each job; one that is not over is due again at once."""
        for message in messages:
            for _ in range(BATCHES):
                if await asyncio.to_thread(self._work, message):
                    break

    async def forget(self, messages: Sequence[OutboxMessage]) -> None:
        """Delete the workflows of executions, each with all its runs."""
        client = await self._door.client()
        for message in messages:
            await self._forget(client, execution_workflow_id(message.subject))
        await asyncio.to_thread(self._delete, [message.id for message in messages])

    def _work(self, message: OutboxMessage) -> bool:
        most = self._settings.executions_per_account_max
        with self._sessions.begin() as session:
            now = datetime.now(UTC)
            over = bulk_jobs.work(session, UUID(message.subject), running_max=most, now=now)
            if over:
                outbox.done(session, [message.id])
            else:
                outbox.hasten(session, message.id, now=now)
            return over

    async def _forget(self, client: Client, workflow_id: str) -> None:
        async for run in client.list_workflows(f"WorkflowId = '{workflow_id}'"):
            named = WorkflowExecution(workflow_id=run.id, run_id=run.run_id)
            request = DeleteWorkflowExecutionRequest(
                namespace=client.namespace, workflow_execution=named
            )
            await client.workflow_service.delete_workflow_execution(request)

    def _delete(self, ids: list[int]) -> None:
        with self._sessions.begin() as session:
            outbox.done(session, ids)
