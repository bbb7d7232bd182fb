"""Whose a workflow is, and the account's key that its payloads are sealed under too."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine.accounts import encryption_keys
from engine.contracts import executions
from engine.crypto.keyring import Keyring
from engine.errors import NotFoundError
from engine.store.accounts import Account
from engine.store.executions import Execution
from engine.store.workflows import Definition
from engine.temporal.payload_offload import patiently

KEPT_SECONDS = 60.0  # how long a process may go on with the key of an account that was deleted
KEPT_MAX = 10_000

K = TypeVar("K")
V = TypeVar("V")


class Owners:
    """Looks into the database, and remembers for a while."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        ring: Keyring,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._ring = ring
        self._owners: _Kept[str, UUID] = _Kept(clock)
        self._keys: _Kept[UUID, bytes] = _Kept(clock)

    async def owner(self, workflow_id: str) -> UUID | None:
        """Return the account of a workflow; none when it is nobody's any more, or never was somebody's."""
        known = self._owners.get(workflow_id)
        if known is None:
            known = await patiently(self._sessions, lambda session: _owner(session, workflow_id))
            if known is not None:
                self._owners.put(workflow_id, known)
        return known

    async def key(self, account_id: UUID) -> bytes:
        """Return an account's key.

        :raises NotFoundError: when the account is no more.
        :raises InvalidError: `key_unopenable`, when no key of the ring opens it.
        """
        known = self._keys.get(account_id)
        if known is None:
            known = await patiently(self._sessions, lambda session: self._key(session, account_id))
            self._keys.put(account_id, known)
        return known

    def remember(self, workflow_id: str, account_id: UUID) -> None:
        """Know the owner of a workflow whose payload was opened: its row may be gone before it ends."""
        self._owners.put(workflow_id, account_id)

    def _key(self, session: Session, account_id: UUID) -> bytes:
        if session.get(Account, account_id) is None:
            raise NotFoundError("account_unknown", "There is no such account.")
        return encryption_keys.obtain(session, self._ring, account_id=account_id)


class _Kept(Generic[K, V]):
    """The newest values, each for a while."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._found: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._clock = clock

    def get(self, key: K) -> V | None:
        at, value = self._found.get(key, (0.0, None))
        return value if self._clock() - at < KEPT_SECONDS else None

    def put(self, key: K, value: V) -> None:
        self._found.pop(key, None)
        self._found[key] = (self._clock(), value)
        if len(self._found) > KEPT_MAX:
            self._found.popitem(last=False)


def _owner(session: Session, workflow_id: str) -> UUID | None:
    kind, _, rest = workflow_id.partition(":")
    try:
        asked = UUID(rest.partition(":")[0])
    except ValueError:
        return None
    if kind == executions.EXECUTION:
        return session.scalar(select(Execution.account_id).where(Execution.id == asked))
    if kind in {"definition", executions.SCHEDULE}:
        return session.scalar(select(Definition.account_id).where(Definition.id == asked))
    return None
