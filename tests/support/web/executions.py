"""Executions inserted into the database as if they had run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.contracts.outbox_messages import ExecutionLaunch
from engine.store import outbox
from engine.store.executions import Execution
from engine.store.workflows import Definition
from tests.support.web.people import Person

DAY_SECONDS = 86_400.0
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HEAD = "document: {dsl: '1.0.3', namespace: tests, name: case, version: '1.0.0'}\n"
SLEEPER = HEAD + "do:\n  - nap: {wait: {hours: 1}}\n"


def fill(
    sessions: sessionmaker[Session], person: Person, statuses: Sequence[str]
) -> tuple[str, list[str]]:
    """Insert a workflow with an execution of each status, one a minute; return all ids."""
    definition_id, ids = uuid7(), [uuid7() for _ in statuses]
    account_id = UUID(str(person.id))
    with sessions.begin() as session:
        session.add(
            Definition(
                id=definition_id,
                account_id=account_id,
                name="never run",
                encrypted_data="-",
                encryption_key="-",
                created_at=NOON,
                updated_at=NOON,
            )
        )
        session.flush()
        rows = [
            {
                "id": execution_id,
                "account_id": account_id,
                "definition_id": definition_id,
                "definition_version": 1,
                "status": status,
                "input_sealed": "-",
                "seal_result": False,
                "created_at": NOON + timedelta(minutes=number),
                "ended_at": None if status == "running" else datetime.now(UTC),
            }
            for number, (execution_id, status) in enumerate(zip(ids, statuses, strict=True))
        ]
        session.execute(insert(Execution), rows)
        # A relay beside ends what Temporal does not know, but nothing that waits for its launch.
        for execution_id, status in zip(ids, statuses, strict=True):
            if status == "running":
                launch = ExecutionLaunch(account_id, execution_id)
                outbox.append(session, launch, now=datetime.now(UTC), delay_seconds=DAY_SECONDS)
    return str(definition_id), [str(execution_id) for execution_id in ids]
