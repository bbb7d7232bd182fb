"""Owners of workflows: the account of each, and that account's key, which seals payloads too."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine.accounts import encryption_keys
from engine.contracts.workflow_ids import (
    CheckWorkflowId,
    ExecutionWorkflowId,
    TriggerWorkflowId,
    parse,
)
from engine.crypto.keyring import Keyring
from engine.errors import NotFoundError
from engine.store.accounts import Account
from engine.store.executions import Execution
from engine.store.workflows import Definition
from engine.temporal.payload_offload import patiently

CACHE_SECONDS = 60.0  # how long a process may still use the key of a deleted account
CACHE_ENTRIES_MAX = 10_000

K = TypeVar("K")
V = TypeVar("V")


class WorkflowOwners:
    """Owners of workflows and their keys, read from the database and cached."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        ring: Keyring,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._ring = ring
        self._owners: _Cache[str, UUID] = _Cache(clock)
        self._keys: _Cache[UUID, bytes] = _Cache(clock)

    async def owner(self, workflow_id: str) -> UUID | None:
        """Return the account of a workflow; None when it has none, or the account was deleted."""
        owner_id = self._owners.get(workflow_id)
        if owner_id is None:
            owner_id = await patiently(
                self._sessions, lambda session: _find_owner(session, workflow_id)
            )
            if owner_id is not None:
                self._owners.put(workflow_id, owner_id)
        return owner_id

    async def key(self, account_id: UUID) -> bytes:
        """Return an account's key.

        :raises NotFoundError: when the account was deleted.
        :raises InvalidError: `key_unopenable`, when no key of the ring opens it.
        """
        key = self._keys.get(account_id)
        if key is None:
            key = await patiently(self._sessions, lambda session: self._key(session, account_id))
            self._keys.put(account_id, key)
        return key

    def remember(self, workflow_id: str, account_id: UUID) -> None:
        """Cache the owner of a workflow whose payload was opened: its row may go before it ends."""
        self._owners.put(workflow_id, account_id)

    def _key(self, session: Session, account_id: UUID) -> bytes:
        if session.get(Account, account_id) is None:
            raise NotFoundError("account_unknown", "There is no such account.")
        return encryption_keys.obtain(session, self._ring, account_id=account_id)


class _Cache(Generic[K, V]):
    """The newest values, each for CACHE_SECONDS."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._clock = clock

    def get(self, key: K) -> V | None:
        at, value = self._entries.get(key, (0.0, None))
        return value if self._clock() - at < CACHE_SECONDS else None

    def put(self, key: K, value: V) -> None:
        self._entries.pop(key, None)
        self._entries[key] = (self._clock(), value)
        if len(self._entries) > CACHE_ENTRIES_MAX:
            self._entries.popitem(last=False)


def _find_owner(session: Session, workflow_id: str) -> UUID | None:
    match parse(workflow_id):
        case ExecutionWorkflowId(execution_id):
            return session.scalar(select(Execution.account_id).where(Execution.id == execution_id))
        case CheckWorkflowId(version) | TriggerWorkflowId(version):
            query = select(Definition.account_id).where(Definition.id == version.definition_id)
            return session.scalar(query)
        case None:
            return None
