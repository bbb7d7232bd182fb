"""What Temporal keeps of accounts that are no more: schedules, and workflows with their histories."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client

from engine.store import outbox
from engine.store.outbox import OutboxMessage
from engine.temporal import client as temporal
from engine.workflows.schedules import temporal_schedules
from engine.workflows.schedules.temporal_schedules import Followed
from worker.relay.temporal_client import Door

# Visibility lags behind the truth: what was started a moment ago is found at a later look.
LOOKED_FOR = timedelta(seconds=60)


class Erasure:
    """Deletes schedules and workflows by their account."""

    def __init__(self, sessions: sessionmaker[Session], door: Door) -> None:
        self._sessions = sessions
        self._door = door

    async def erase(self, messages: Sequence[OutboxMessage]) -> None:
        """Delete what is found; an account is done once nothing has been found for long enough."""
        client, done = await self._door.client(), []
        for message in messages:
            found = await self._delete(client, message.subject)
            if not found and datetime.now(UTC) - message.created_at > LOOKED_FOR:
                done.append(message.id)
        await asyncio.to_thread(self._done, done)

    async def _delete(self, client: Client, account_id: str) -> int:
        found = 0
        async for schedule_id in temporal_schedules.there(client, account_id):
            await temporal_schedules.follow(client, Followed(schedule_id, UUID(account_id)))
            found += 1
        async for run in client.list_workflows(f"{temporal.ACCOUNT.name} = '{account_id}'"):
            named = WorkflowExecution(workflow_id=run.id, run_id=run.run_id)
            request = DeleteWorkflowExecutionRequest(
                namespace=client.namespace, workflow_execution=named
            )
            await client.workflow_service.delete_workflow_execution(request)
            found += 1
        return found

    def _done(self, ids: list[int]) -> None:
        with self._sessions.begin() as session:
            outbox.done(session, ids)
