"""The reconciler: settles executions that ended without their interpreter having a word."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.orm import Session, sessionmaker

from engine.contracts import executions as contracts
from engine.observability import metrics
from engine.workflows.executions import completion, executions
from engine.workflows.executions.forced_ends import Ending, ending_of
from worker.relay.periodic import rounds
from worker.relay.stragglers import PATIENCE, Stragglers
from worker.relay.temporal_client import Door

LOOK_SECONDS = 2.0
# Visibility lags behind the truth; a row is looked at again rather than missed.
OVERLAP = timedelta(seconds=60)
# How far back the first look goes; what closed before that is found among the stragglers.
BACK = timedelta(days=1)
log = structlog.get_logger()
ENDED = "('Terminated', 'TimedOut', 'Canceled', 'Failed')"


class Reconciler:
    """Asks Temporal which executions closed, and ends the rows that do not know of it.

    One question finds what closes from now on, whatever there is. Whether what runs by its row is still
    there is asked in turn (`Stragglers`): a closing that nobody looked for, and what Temporal has lost.
    It needs no key, and no worker that runs: an ending is kept by its name.
    """

    def __init__(self, sessions: sessionmaker[Session], door: Door) -> None:
        self._sessions = sessions
        self._door = door
        self._stragglers = Stragglers(sessions, door)
        self._since = datetime.now(UTC) - BACK

    async def run(self) -> None:
        """Look every LOOK_SECONDS until cancelled, whatever is down in between."""
        looks = (self.look, self.look_for_stragglers)
        await asyncio.gather(
            *(rounds(look, seconds=LOOK_SECONDS, failed="not_reconciled") for look in looks)
        )

    async def look(self) -> None:
        """Settle what closed since the last look."""
        began = datetime.now(UTC)
        query = (
            f"WorkflowType = '{contracts.EXECUTION}' AND ExecutionStatus IN {ENDED} "
            f"AND CloseTime > '{self._since - OVERLAP:%Y-%m-%dT%H:%M:%SZ}'"
        )
        closed: dict[UUID, Ending] = {}
        client = await self._door.client()
        async for found in client.list_workflows(query):
            execution_id = contracts.executed_by(found.id)
            # A fresh failure is about to be settled by its own last step.
            old = found.close_time is None or began - found.close_time > PATIENCE
            if execution_id is not None and old:
                closed[execution_id] = ending_of(found.status)
        await self._end(closed)
        self._since = began

    async def look_for_stragglers(self) -> None:
        """Settle what has ended unnoticed, of those whose turn it is."""
        await self._end(await self._stragglers.look())

    async def _end(self, endings: Mapping[UUID, Ending]) -> None:
        settled = await asyncio.to_thread(self._settle, endings) if endings else []
        metrics.RECONCILIATIONS.inc(len(settled))
        for execution_id in settled:
            log.info("reconciled", execution=str(execution_id))

    def _settle(self, endings: Mapping[UUID, Ending]) -> Sequence[UUID]:
        with self._sessions() as session:
            rows = executions.still_running(session, list(endings))
        return [
            one for one, account_id in rows if self._settled(account_id, one, endings[one].name)
        ]

    def _settled(self, account_id: UUID, execution_id: UUID, ended_by: str) -> bool:
        with self._sessions.begin() as session:
            return completion.settle(
                session,
                account_id=account_id,
                execution_id=execution_id,
                status="failed",
                outcome_sealed=None,
                ended_by=ended_by,
                now=datetime.now(UTC),
            )
