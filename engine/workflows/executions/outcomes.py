"""Outcomes: how an execution ended, kept under the account's own key and told to nobody but its owner."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from joserfc.jwk import OKPKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.accounts import encryption_keys
from engine.crypto import jwe, keyring
from engine.crypto.keyring import Keyring
from engine.crypto.public_keys import find_encryption_key
from engine.language.errors import STANDARD, TYPES, standard_kind
from engine.store.accounts import Account, AccountKey
from engine.store.executions import Execution
from engine.workflows.events import subscriptions
from engine.workflows.executions import completion, executions, forced_ends


@dataclass(frozen=True, slots=True)
class Settled:
    """How an execution ended, whose it is, and the routing keys that others in its account hear."""

    told: dict[str, Any]
    definition_id: UUID
    heard: Collection[str]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Seals, keeps and reads outcomes: `{"status", "result"}` or `{"status", "error"}`."""

    ring: Keyring
    value_bytes_max: int

    def settle(
        self,
        session: Session,
        *,
        account_id: UUID,
        execution_id: UUID,
        status: str,
        outcome: dict[str, Any],
        now: datetime,
        left: str | None = None,
    ) -> Settled:
        """End an execution with this outcome, unless it has ended; return how it did end.

        `left` is what its retry would go on from.

        :raises NotFoundError: when the account has none with this id.
        """
        found = self._open(session, account_id, execution_id)
        if "result" in outcome and len(orjson.dumps(outcome["result"])) > self.value_bytes_max:
            status, outcome = "failed", {"error": _too_large(self.value_bytes_max)}
        told = {"status": status} | _shown(found.execution, found.account, outcome)
        definition_id = found.execution.definition_id
        ended = completion.settle(
            session,
            account_id=account_id,
            execution_id=execution_id,
            status=told["status"],
            outcome_sealed=keyring.seal_value(found.key, orjson.dumps(told), bound_to=execution_id),
            left_sealed=left
            and keyring.seal_value(found.key, left.encode(), bound_to=execution_id),
            now=now,
        )
        if not ended:
            told = self.read(session, account_id=account_id, execution_id=execution_id) or told
        return Settled(told, definition_id, found.heard)

    def read(
        self, session: Session, *, account_id: UUID, execution_id: UUID
    ) -> dict[str, Any] | None:
        """Return how an execution ended; nothing while it runs.

        :raises NotFoundError: when the account has none with this id.
        """
        found = self._open(session, account_id, execution_id)
        outside = from_outside(session, found.execution)
        if outside is not None or found.execution.outcome_sealed is None:
            return outside
        opened = keyring.open_value(
            found.key, found.execution.outcome_sealed, bound_to=execution_id
        )
        told: dict[str, Any] = orjson.loads(opened)
        return told

    def left(self, session: Session, *, account_id: UUID, execution_id: UUID) -> str | None:
        """Return what a failed execution left for its retry, if anything."""
        found = self._open(session, account_id, execution_id)
        if found.execution.left_sealed is None:
            return None
        return keyring.open_value(
            found.key, found.execution.left_sealed, bound_to=execution_id
        ).decode()

    def reply(self, reply_key: dict[str, str], told: dict[str, Any]) -> str:
        """Seal an outcome to the key of the process that will hand it to its owner."""
        return jwe.seal(OKPKey.import_key(dict(reply_key)), orjson.dumps(told))

    def _open(self, session: Session, account_id: UUID, execution_id: UUID) -> _Found:
        """Return an execution and what its outcome needs, read at once."""
        query = (
            select(Execution, Account, AccountKey, subscriptions.elsewhere())
            .join(Account, Account.id == Execution.account_id)
            .outerjoin(AccountKey, AccountKey.account_id == Execution.account_id)
            .where(Execution.account_id == account_id, Execution.id == execution_id)
        )
        found = session.execute(query).one_or_none()
        if found is None:
            raise executions.unknown()
        key = encryption_keys.obtain(session, self.ring, account_id=account_id)
        return _Found(found[0], found[1], key, found[3] or ())


@dataclass(frozen=True, slots=True)
class _Found:
    execution: Execution
    account: Account
    key: bytes
    heard: Collection[str]


def from_outside(session: Session, execution: Execution) -> dict[str, Any] | None:
    """Return how an execution ended that was ended from outside: no key of ours is needed for that."""
    if execution.ended_by is None:
        return None
    error = forced_ends.NAMED[execution.ended_by].error()
    account = session.get_one(Account, execution.account_id)
    return {"status": execution.status} | _shown(execution, account, {"error": error})


def _shown(execution: Execution, account: Account, outcome: dict[str, Any]) -> dict[str, Any]:
    """Seal what the client asked to be sealed: its own public key alone opens it then."""
    key = find_encryption_key(account.public_key) if execution.seal_result else None
    if key is None:
        return outcome
    if "result" in outcome:
        return {"result": jwe.seal(key, orjson.dumps(outcome["result"]))}
    error = outcome["error"]
    # A user's own error may say anything: only the standard's kinds are shown beside the sealed one.
    kind = standard_kind(str(error.get("type", "")))
    status, title = STANDARD[kind] if kind else (500, "The workflow raised an error")
    shown = {"type": TYPES + kind if kind else "about:blank", "status": status, "title": title}
    return {"error": shown | {"sealed": jwe.seal(key, orjson.dumps(error))}}


def _too_large(most: int) -> dict[str, Any]:
    status, title = STANDARD["runtime"]
    detail = f"value_bytes_max: a result may have {most} bytes"
    return {"type": TYPES + "runtime", "status": status, "title": title, "detail": detail}
