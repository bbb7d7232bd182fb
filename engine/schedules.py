"""Executions that nobody asked for: made when a definition's schedule is due."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from engine import executions
from engine.executions import Order
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
) -> bool:
    """Store an execution under the id its schedule gave it, once; tell whether its definition is still there.

    Its result is sealed to the account's public key where there is one: nobody has said otherwise.
    """
    definition = session.get(Definition, definition_id)
    account = session.get(Account, account_id)
    if definition is None or account is None or definition.account_id != account_id:
        return False
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
