"""What operators are shown of an account's payloads: nothing without a line in the account's own trail."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.accounts import audit_log
from engine.accounts.audit_log import Actor
from engine.contracts.workflow_ids import CheckWorkflowId, ExecutionWorkflowId, parse
from engine.store.executions import Execution
from engine.store.workflows import Definition

DISCLOSED = "payloads_disclosed"
TABLES: dict[str, type[Execution | Definition]] = {"execution": Execution, "definition": Definition}


def disclose(session: Session, workflow_ids: Collection[str], *, now: datetime) -> set[str]:
    """Note a disclosure in the trail of each account concerned; return the workflows it may be made for.

    A workflow that belongs to nobody known is disclosed to nobody.
    """
    asked = {workflow_id: _named(workflow_id) for workflow_id in workflow_ids}
    known: dict[tuple[str, UUID] | None, UUID] = {}
    for kind, table in TABLES.items():
        ids = {named[1] for named in asked.values() if named is not None and named[0] == kind}
        for row in session.execute(select(table.id, table.account_id).where(table.id.in_(ids))):
            known[kind, row.id] = row.account_id
    owners = {workflow_id: known[named] for workflow_id, named in asked.items() if named in known}
    for account_id in sorted(set(owners.values())):
        audit_log.record(session, Actor(account_id), DISCLOSED, now=now)
    return set(owners)


def _named(workflow_id: str) -> tuple[str, UUID] | None:
    match parse(workflow_id):
        case ExecutionWorkflowId(execution_id):
            return "execution", execution_id
        case CheckWorkflowId(version):
            return "definition", version.definition_id
        case _:
            return None
