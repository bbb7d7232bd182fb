"""Disclosure of payloads to operators: each one is recorded in the account's own audit log."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.accounts import audit_log
from engine.contracts.workflow_ids import CheckWorkflowId, ExecutionWorkflowId, parse
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.workflows import Definition

EVENT_KIND = "payloads_disclosed"
TABLES: dict[str, type[Execution | Definition]] = {"execution": Execution, "definition": Definition}


def disclose(session: Session, workflow_ids: Collection[str], *, now: datetime) -> set[str]:
    """Record the disclosure for each account concerned; return the workflows that may be disclosed.

    A Temporal workflow without a known account is never disclosed.
    """
    subjects = {workflow_id: _parse_subject(workflow_id) for workflow_id in workflow_ids}
    accounts: dict[tuple[str, UUID] | None, UUID] = {}
    for kind, table in TABLES.items():
        ids = {subject[1] for subject in subjects.values() if subject and subject[0] == kind}
        for row in session.execute(select(table.id, table.account_id).where(table.id.in_(ids))):
            accounts[kind, row.id] = row.account_id
    owners = {
        workflow_id: accounts[subject]
        for workflow_id, subject in subjects.items()
        if subject in accounts
    }
    for account_id in sorted(set(owners.values())):
        audit_log.record(AccountScope(session, account_id, now), EVENT_KIND)
    return set(owners)


def _parse_subject(workflow_id: str) -> tuple[str, UUID] | None:
    """Return the kind and the id of the row that a Temporal workflow belongs to."""
    match parse(workflow_id):
        case ExecutionWorkflowId(execution_id):
            return "execution", execution_id
        case CheckWorkflowId(version):
            return "definition", version.definition_id
        case _:
            return None
