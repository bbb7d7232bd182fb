"""What operators are shown of an account's payloads: nothing without a line in the account's own trail."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import audit
from engine.audit import Actor
from engine.interpreter.contracts import definition_workflow_id, execution_workflow_id
from engine.store.models import Definition, Execution

DISCLOSED = "payloads_disclosed"


def disclose(session: Session, workflow_ids: Collection[str], *, now: datetime) -> set[str]:
    """Note a disclosure in the trail of each account concerned; return the workflows it may be made for.

    A workflow that belongs to nobody known is disclosed to nobody.
    """
    asked = {found for found in map(_id_of, workflow_ids) if found is not None}
    owners: dict[str, UUID] = {}
    for table, name in ((Execution, execution_workflow_id), (Definition, definition_workflow_id)):
        for row in session.execute(select(table.id, table.account_id).where(table.id.in_(asked))):
            owners[name(str(row.id))] = row.account_id
    allowed = owners.keys() & set(workflow_ids)
    for account_id in sorted({owners[workflow_id] for workflow_id in allowed}):
        audit.record(session, Actor(account_id), DISCLOSED, now=now)
    return allowed


def _id_of(workflow_id: str) -> UUID | None:
    try:
        return UUID(workflow_id.partition(":")[2])
    except ValueError:
        return None
