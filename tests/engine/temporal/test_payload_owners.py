"""Owners of workflows, and the time for which a process uses the key of a deleted account."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from engine.accounts import accounts
from engine.crypto.keyring import Keyring
from engine.errors import NotFoundError
from engine.store.account_scope import AccountScope
from engine.temporal.payload_owners import CACHE_SECONDS, WorkflowOwners

pytestmark = pytest.mark.stack


UNKNOWN = UUID(int=7)
RING = Keyring({"k": b"k" * 32})


@pytest.mark.parametrize(
    "workflow_id", ["", "read:x", "execution:x", f"read:{UNKNOWN}", f"execution:{UNKNOWN}"]
)
async def test_what_is_nobodys_has_no_owner(
    sessions: sessionmaker[Session], workflow_id: str
) -> None:
    assert await WorkflowOwners(sessions, RING).owner(workflow_id) is None


async def test_the_key_of_an_account_that_is_gone_is_forgotten(
    sessions: sessionmaker[Session], account_id: UUID
) -> None:
    now = [0.0]
    owners = WorkflowOwners(sessions, RING, clock=lambda: now[0])
    key = await owners.key(account_id)
    owners.remember("execution:1", account_id)
    with sessions.begin() as session:
        accounts.erase(AccountScope(session, account_id, datetime.now(UTC)))
    now[0] = CACHE_SECONDS - 1
    assert await owners.key(account_id) == key
    assert await owners.owner("execution:1") == account_id
    now[0] = CACHE_SECONDS
    with pytest.raises(NotFoundError):
        await owners.key(account_id)
    assert await owners.owner("execution:1") is None
    with pytest.raises(NotFoundError):
        await WorkflowOwners(sessions, RING).key(account_id)
