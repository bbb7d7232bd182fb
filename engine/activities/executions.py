"""The two ends of an execution: opened for the interpreter, and settled in the row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine import definitions, executions
from engine.errors import EngineError, InvalidError, NotFoundError
from engine.interpreter import contracts, grammar
from engine.interpreter.faults import STANDARD, TYPES
from engine.outcomes import Outcomes
from engine.secrets import Opener
from engine.settings import Settings
from engine.store.models import Definition, Execution
from engine.vault import envelope

# Temporal refuses a larger payload, and then the workflow would try for ever.
OPENED_BYTES_MAX = 1_900_000


class ExecutionActivities:
    """Holds the database, the engine's private keys and the way outcomes are kept."""

    def __init__(
        self, sessions: sessionmaker[Session], opener: Opener, outcomes: Outcomes, settings: Settings
    ) -> None:
        self._sessions = sessions
        self._keys = opener.keys
        self._opener = opener
        self._outcomes = outcomes
        self._settings = settings

    @activity.defn(name=contracts.OPEN_EXECUTION)
    def open(self, start: contracts.ExecutionStart) -> contracts.Opened:
        """Return the document and the input of an execution, in the clear.

        :raises ApplicationError: `UNOPENABLE`, with the error the execution shall end with.
        """
        account_id, execution_id = UUID(start.account_id), UUID(start.execution_id)
        if start.ordered is not None:
            self._adopt(account_id, execution_id, start.ordered)
        with self._sessions.begin() as session:
            execution, definition = executions.open_with_definition(
                session, account_id=account_id, execution_id=execution_id
            )
            try:
                opened = self._open(session, execution, definition)
                return replace(opened, run_depth=start.ordered.depth if start.ordered else 0)
            except (InvalidError, NotFoundError) as refusal:
                message, error = "The execution cannot be opened", _refusal(refusal)
                raise ApplicationError(
                    message, error, type=contracts.UNOPENABLE, non_retryable=True
                ) from None

    @activity.defn(name=contracts.SETTLE_EXECUTION)
    def settle(self, settlement: contracts.Settlement) -> str | None:
        """End the execution's row and return the answer, sealed to the reply key when there is one."""
        account_id, execution_id = UUID(settlement.account_id), UUID(settlement.execution_id)
        failed = settlement.error is not None
        outcome = {"error": settlement.error} if failed else {"result": settlement.result}
        with self._sessions.begin() as session:
            told = self._outcomes.settle(
                session,
                account_id=account_id,
                execution_id=execution_id,
                status=settlement.status,
                outcome=outcome,
                now=datetime.now(UTC),
            )
        return None if settlement.reply_key is None else self._outcomes.reply(settlement.reply_key, told)

    @activity.defn(name=contracts.READ_OUTCOME)
    def read(self, reading: contracts.OutcomeReading) -> str | None:
        """Return how an execution ended, sealed to the reply key; nothing while it runs."""
        with self._sessions.begin() as session:
            told = self._outcomes.read(
                session, account_id=UUID(reading.account_id), execution_id=UUID(reading.execution_id)
            )
        return None if told is None else self._outcomes.reply(reading.reply_key, told)

    def _adopt(self, account_id: UUID, execution_id: UUID, ordered: contracts.Ordered) -> None:
        """Store the row of an execution that another one ordered: from now on it ends as all do."""
        key = next(iter(self._keys.keys.values()))
        with self._sessions.begin() as session:
            executions.adopt(
                session,
                definition=definitions.find(
                    session, account_id=account_id, definition_id=UUID(ordered.definition_id)
                ),
                execution_id=execution_id,
                by=UUID(ordered.by),
                input_sealed=envelope.seal(key, orjson.dumps(ordered.input)),
                now=datetime.now(UTC),
            )

    def _open(self, session: Session, execution: Execution, definition: Definition) -> contracts.Opened:
        text, content_type = envelope.open_definition(
            self._keys,
            encrypted_data=definition.encrypted_data,
            encryption_key=definition.encryption_key,
            bytes_max=self._settings.definition_bytes_max,
        )
        sealed_input = self._keys.open(
            execution.input_sealed, pointer="/input", bytes_max=self._settings.value_bytes_max
        )
        document = grammar.read(text, content_type)
        secrets = self._opener.open(
            session, account_id=execution.account_id, names=grammar.secrets_of(document)
        )
        if len(text) + len(sealed_input) + len(orjson.dumps(secrets)) > OPENED_BYTES_MAX:
            detail = f"Definition, input and secrets together may have {OPENED_BYTES_MAX} bytes."
            raise InvalidError("execution_too_large", detail)
        return contracts.Opened(
            definition_id=str(definition.id),
            definition_version=execution.definition_version,
            document=document,
            input=_json(sealed_input),
            account_id=str(execution.account_id),
            secrets=secrets,
        )


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        raise InvalidError("input_malformed", "The sealed input is no JSON.") from None


def _refusal(refusal: EngineError) -> dict[str, Any]:
    """Return a refusal as an error of the language: what is missing may not be used (DSL, "Secret")."""
    kind = "authorization" if isinstance(refusal, NotFoundError) else "configuration"
    status, title = STANDARD[kind]
    places = "; ".join(f"{fault.pointer} {fault.detail}".strip() for fault in refusal.faults)
    detail = f"{refusal.detail} {places}".strip()
    found = {"type": TYPES + kind, "status": status, "title": title, "detail": detail}
    return found | ({"instance": refusal.faults[0].pointer} if kind == "authorization" else {})
