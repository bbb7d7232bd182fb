"""Work on bulk jobs, a few batches at a time between other deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import structlog
from sqlalchemy.orm import Session, sessionmaker

from engine.config.settings import Settings
from engine.contracts.outbox_messages import BulkWork
from engine.store import outbox
from engine.store.outbox import OutboxMessage
from engine.temporal.outages import is_outage
from engine.workflows.executions import bulk_jobs
from engine.workflows.executions.executions import ExecutionLimits

BATCHES = 4  # of one job before the next one has its turn
log = structlog.get_logger()


class BulkJobs:
    """Works on the bulk jobs of the outbox."""

    def __init__(self, settings: Settings, sessions: sessionmaker[Session]) -> None:
        self._settings = settings
        self._sessions = sessions

    async def work(self, rows: Sequence[OutboxMessage]) -> None:
        """Do some batches of each job; one that is not over is due again at once.

        One that fails is due again later, and does not hold up the others.
        """
        for row in rows:
            try:
                await self._work_on(row)
            except Exception as error:
                if is_outage(error):
                    raise
                log.warning("job_failed", account=str(row.account_id), error=type(error).__name__)

    async def _work_on(self, row: OutboxMessage) -> None:
        for _ in range(BATCHES):
            if await asyncio.to_thread(self._work, row):
                break

    def _work(self, row: OutboxMessage) -> bool:
        """Do one batch; tell whether the job is over."""
        limits = ExecutionLimits.from_settings(self._settings)
        job_id = cast("BulkWork", row.message).job_id
        with self._sessions.begin() as session:
            now = datetime.now(UTC)
            over = bulk_jobs.work(session, job_id, limits=limits, now=now)
            if over:
                outbox.delete_rows(session, [row.id])
            else:
                outbox.make_due(session, row.id, at=now)
            return over
