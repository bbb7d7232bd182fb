"""The two ends of an execution: opened for the interpreter, and settled in the row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine import executions
from engine.errors import EngineError, InvalidError
from engine.interpreter import contracts, grammar
from engine.interpreter.faults import STANDARD, TYPES
from engine.outcomes import Outcomes
from engine.settings import Settings
from engine.store.models import Definition, Execution
from engine.vault import envelope
from engine.vault.envelope import EngineKeys


class ExecutionActivities:
    """Holds the database, the engine's private keys and the way outcomes are kept."""

    def __init__(
        self, sessions: sessionmaker[Session], keys: EngineKeys, outcomes: Outcomes, settings: Settings
    ) -> None:
        self._sessions = sessions
        self._keys = keys
        self._outcomes = outcomes
        self._settings = settings

    @activity.defn(name=contracts.OPEN_EXECUTION)
    def open(self, start: contracts.ExecutionStart) -> contracts.Opened:
        """Return the document and the input of an execution, in the clear.

        :raises ApplicationError: `UNOPENABLE`, with the error the execution shall end with.
        """
        account_id, execution_id = UUID(start.account_id), UUID(start.execution_id)
        with self._sessions() as session:
            execution, definition = executions.open_with_definition(
                session, account_id=account_id, execution_id=execution_id
            )
            try:
                return self._open(execution, definition)
            except InvalidError as refusal:
                message, error = "The execution cannot be opened", _configuration(refusal)
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

    def _open(self, execution: Execution, definition: Definition) -> contracts.Opened:
        text, content_type = envelope.open_definition(
            self._keys,
            encrypted_data=definition.encrypted_data,
            encryption_key=definition.encryption_key,
            bytes_max=self._settings.definition_bytes_max,
        )
        sealed_input = self._keys.open(
            execution.input_sealed, pointer="/input", bytes_max=self._settings.value_bytes_max
        )
        return contracts.Opened(
            definition_id=str(definition.id),
            definition_version=execution.definition_version,
            document=grammar.read(text, content_type),
            input=_json(sealed_input),
            account_id=str(execution.account_id),
            interpreter=contracts.INTERPRETER,
            rests_every=self._settings.execution_rests_every,
        )


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        raise InvalidError("input_malformed", "The sealed input is no JSON.") from None


def _configuration(refusal: EngineError) -> dict[str, Any]:
    """Return a refusal as an error of the workflow language."""
    status, title = STANDARD["configuration"]
    places = "; ".join(f"{fault.pointer} {fault.detail}" for fault in refusal.faults)
    detail = f"{refusal.detail} {places}".strip()
    return {"type": TYPES + "configuration", "status": status, "title": title, "detail": detail}
