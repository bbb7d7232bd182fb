"""Executions that nobody asked for: made when the schedule of a definition's newest version is due."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from engine import definitions, executions, listeners
from engine.errors import NotFoundError
from engine.executions import Order
from engine.interpreter.contracts import schedule_workflow_id, versioned
from engine.interpreter.schedules import TRIGGERS
from engine.store import outbox
from engine.store.models import Account, Definition, Execution
from engine.vault.public_keys import sealable


def fire(
    session: Session,
    *,
    account_id: UUID,
    definition_id: UUID,
    execution_id: UUID,
    input_sealed: str,
    now: datetime,
    version: int,
) -> bool:
    """Store an execution under the id its schedule gave it, once; tell whether its definition is as it was.

    Its result is sealed to the account's public key where there is one: nobody has said otherwise.
    """
    try:
        definition = definitions.find(session, account_id=account_id, definition_id=definition_id, lock=True)
    except NotFoundError:
        return False
    if definition.version != version:
        return False
    account = session.get_one(Account, account_id)
    if session.get(Execution, execution_id) is None:
        executions.start(
            session,
            account_id=account_id,
            definition=definition,
            order=Order(input_sealed, sealable(account.public_key) is not None),
            now=now,
            started_as=execution_id,
        )
    return True


def unschedule(session: Session, definition: Definition, *, now: datetime) -> None:
    """Have the schedule of a definition's newest version end: there will be another, or no definition.

    What a version schedules begins with its check, and looks first whether it is still the newest; so
    none goes on that begins while this one's end is carried.
    """
    subject = versioned(str(definition.id), definition.version)
    outbox.append(
        session,
        account_id=definition.account_id,
        kind=outbox.UNSCHEDULE,
        subject=subject,
        now=now,
        delay_seconds=0,
    )
    listeners.discard(session, workflow_ids(str(definition.id), definition.version))


def workflow_ids(definition_id: str, version: int) -> list[str]:
    """Return the ids of all workflows that the schedule of a definition's version may have."""
    return [schedule_workflow_id(definition_id, trigger, version) for trigger in TRIGGERS]
