"""Outcomes: how an execution ended, kept under the account's own key and told to nobody but its owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from joserfc.jwk import OKPKey
from sqlalchemy.orm import Session

from engine import account_keys, executions
from engine.interpreter.faults import STANDARD, TYPES, standard_kind
from engine.store.models import Account, Execution
from engine.vault import envelope, keyring
from engine.vault.keyring import Keyring
from engine.vault.public_keys import sealable


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Seals, keeps and reads outcomes: `{"status", "result"}` or `{"status", "error"}`."""

    ring: Keyring
    value_bytes_max: int

    def settle(
        self, session: Session, execution: Execution, status: str, outcome: dict[str, Any], *, now: datetime
    ) -> dict[str, Any]:
        """End an execution with this outcome, unless it has ended; return how it did end."""
        told = {"status": status} | self._shown(session, execution, outcome)
        if "result" in told and len(orjson.dumps(told)) > 2 * self.value_bytes_max:
            told = {"status": "failed", "error": _too_large(self.value_bytes_max)}
        account_key = account_keys.obtain(session, self.ring, account_id=execution.account_id)
        ended = executions.settle(
            session,
            account_id=execution.account_id,
            execution_id=execution.id,
            status=told["status"],
            outcome_sealed=keyring.seal_value(account_key, orjson.dumps(told), bound_to=execution.id),
            now=now,
        )
        if ended:
            return told
        session.refresh(execution)
        return self.read(session, execution) or told

    def read(self, session: Session, execution: Execution) -> dict[str, Any] | None:
        """Return how an execution ended; nothing while it runs."""
        if execution.outcome_sealed is None:
            return None
        account_key = account_keys.obtain(session, self.ring, account_id=execution.account_id)
        told: dict[str, Any] = orjson.loads(
            keyring.open_value(account_key, execution.outcome_sealed, bound_to=execution.id)
        )
        return told

    def reply(self, reply_key: dict[str, str], told: dict[str, Any]) -> str:
        """Seal an outcome to the key of the process that will hand it to its owner."""
        return envelope.seal(OKPKey.import_key(dict(reply_key)), orjson.dumps(told))

    def _shown(self, session: Session, execution: Execution, outcome: dict[str, Any]) -> dict[str, Any]:
        """Seal what the client asked to be sealed: its own public key alone opens it then."""
        account = session.get_one(Account, execution.account_id)
        key = sealable(account.public_key) if execution.seal_result else None
        if key is None:
            return outcome
        if "result" in outcome:
            return {"result": envelope.seal(key, orjson.dumps(outcome["result"]))}
        error = outcome["error"]
        # A user's own error may say anything: only the standard's kinds are shown beside the sealed one.
        kind = standard_kind(str(error.get("type", "")))
        status, title = STANDARD[kind] if kind else (500, "The workflow raised an error")
        shown = {"type": TYPES + kind if kind else "about:blank", "status": status, "title": title}
        return {"error": shown | {"sealed": envelope.seal(key, orjson.dumps(error))}}


def _too_large(most: int) -> dict[str, Any]:
    status, title = STANDARD["runtime"]
    detail = f"value_bytes_max: a result may have {most} bytes"
    return {"type": TYPES + "runtime", "status": status, "title": title, "detail": detail}
