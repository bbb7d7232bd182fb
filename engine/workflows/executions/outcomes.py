"""Outcomes of executions: sealed under the account's own key and shown to their owner alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.accounts import encryption_keys
from engine.crypto import jwe, keyring
from engine.crypto.keyring import Keyring
from engine.crypto.public_keys import find_encryption_key
from engine.language.errors import STANDARD, TYPES, standard_kind
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account, AccountKey
from engine.store.executions import Execution
from engine.workflows.events import subscriptions
from engine.workflows.executions import completion, executions, forced_ends


@dataclass(frozen=True, slots=True)
class SettledOutcome:
    """Outcome of an execution, its definition, and the keys of other definitions' listeners."""

    outcome: dict[str, Any]
    definition_id: UUID
    routing_keys: Collection[str]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Store of outcomes: `{"status", "result"}` or `{"status", "error"}`."""

    ring: Keyring
    value_bytes_max: int

    def settle(
        self,
        scope: AccountScope,
        execution_id: UUID,
        *,
        status: str,
        outcome: dict[str, Any],
        checkpoint: str | None = None,
    ) -> SettledOutcome:
        """End an execution with this outcome, unless it has ended; return how it did end.

        A retry continues from `checkpoint`.

        :raises NotFoundError: when the account has none with this id.
        """
        record = self._record(scope, execution_id)
        if "result" in outcome and len(orjson.dumps(outcome["result"])) > self.value_bytes_max:
            status, outcome = "failed", {"error": _too_large(self.value_bytes_max)}
        answer = {"status": status} | _seal(record.execution, record.account, outcome)
        definition_id = record.execution.definition_id
        ended = completion.settle(
            scope,
            execution_id,
            status=status,
            outcome_sealed=keyring.seal_value(
                record.key, orjson.dumps(answer), bound_to=execution_id
            ),
            left_sealed=checkpoint
            and keyring.seal_value(record.key, checkpoint.encode(), bound_to=execution_id),
        )
        if not ended:
            answer = self.read(scope, execution_id) or answer
        return SettledOutcome(answer, definition_id, record.routing_keys)

    def read(self, scope: AccountScope, execution_id: UUID) -> dict[str, Any] | None:
        """Return the outcome of an execution; None while it runs.

        :raises NotFoundError: when the account has none with this id.
        """
        record = self._record(scope, execution_id)
        forced = forced_outcome(scope.session, record.execution)
        if forced is not None or record.execution.outcome_sealed is None:
            return forced
        plaintext = keyring.open_value(
            record.key, record.execution.outcome_sealed, bound_to=execution_id
        )
        outcome: dict[str, Any] = orjson.loads(plaintext)
        return outcome

    def checkpoint(self, scope: AccountScope, execution_id: UUID) -> str | None:
        """Return the checkpoint from which a retry continues a failed execution, if it has one."""
        record = self._record(scope, execution_id)
        if record.execution.left_sealed is None:
            return None
        return keyring.open_value(
            record.key, record.execution.left_sealed, bound_to=execution_id
        ).decode()

    def _record(self, scope: AccountScope, execution_id: UUID) -> _OutcomeRecord:
        """Return an execution and what its outcome needs, read by one query."""
        query = (
            select(Execution, Account, AccountKey, subscriptions.keys_of_other_definitions())
            .join(Account, Account.id == Execution.account_id)
            .outerjoin(AccountKey, AccountKey.account_id == Execution.account_id)
            .where(Execution.account_id == scope.account_id, Execution.id == execution_id)
        )
        row = scope.session.execute(query).one_or_none()
        if row is None:
            raise executions.unknown()
        # The AccountKey of the row is in the session now, where this finds it without a query.
        key = encryption_keys.obtain(scope.session, self.ring, account_id=scope.account_id)
        return _OutcomeRecord(row[0], row[1], key, row[3] or ())


@dataclass(frozen=True, slots=True)
class _OutcomeRecord:
    execution: Execution
    account: Account
    key: bytes
    routing_keys: Collection[str]


def forced_outcome(session: Session, execution: Execution) -> dict[str, Any] | None:
    """Return the outcome of an execution that was ended from outside; it needs no key of ours."""
    if execution.ended_by is None:
        return None
    error = forced_ends.BY_NAME[execution.ended_by].error()
    account = session.get_one(Account, execution.account_id)
    return {"status": execution.status} | _seal(execution, account, {"error": error})


def _seal(execution: Execution, account: Account, outcome: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome, sealed to the account's public key where the client asked for that."""
    key = find_encryption_key(account.public_key) if execution.seal_result else None
    if key is None:
        return outcome
    if "result" in outcome:
        return {"result": jwe.seal(key, orjson.dumps(outcome["result"]))}
    error = outcome["error"]
    # A user's own error may contain anything: beside the JWE only the standard's kinds are shown.
    kind = standard_kind(str(error.get("type", "")))
    status, title = STANDARD[kind] if kind else (500, "The workflow raised an error")
    summary = {"type": TYPES + kind if kind else "about:blank", "status": status, "title": title}
    return {"error": summary | {"sealed": jwe.seal(key, orjson.dumps(error))}}


def _too_large(bytes_max: int) -> dict[str, Any]:
    status, title = STANDARD["runtime"]
    detail = f"value_bytes_max: a result may have {bytes_max} bytes"
    return {"type": TYPES + "runtime", "status": status, "title": title, "detail": detail}
