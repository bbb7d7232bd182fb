"""The two ends of an execution: opened for the interpreter, and settled in the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine import executions
from engine.errors import EngineError, InvalidError
from engine.interpreter import contracts, grammar, hearing
from engine.interpreter.faults import STANDARD, TYPES
from engine.interpreter.lifecycle import Subject
from engine.outcomes import Outcomes
from engine.settings import Settings
from engine.store.models import Definition, Execution
from engine.switchboard import Switchboard
from engine.vault import envelope
from engine.vault.envelope import EngineKeys


class ExecutionActivities:
    """Holds the database, the engine's private keys and the way outcomes are kept."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        keys: EngineKeys,
        outcomes: Outcomes,
        switchboard: Switchboard,
        settings: Settings,
    ) -> None:
        self._sessions = sessions
        self._keys = keys
        self._outcomes = outcomes
        self._switchboard = switchboard
        self._settings = settings

    @activity.defn(name=contracts.OPEN_EXECUTION)
    def open(self, start: contracts.ExecutionStart) -> contracts.Opened:
        """Return the document and the input of an execution, in the clear; from now on events reach it.

        :raises ApplicationError: `UNOPENABLE`, with the error the execution shall end with.
        """
        account_id, execution_id = UUID(start.account_id), UUID(start.execution_id)
        with self._sessions.begin() as session:
            execution, definition = executions.open_with_definition(
                session, account_id=account_id, execution_id=execution_id
            )
            try:
                opened = self._open(execution, definition)
            except InvalidError as refusal:
                message, error = "The execution cannot be opened", _configuration(refusal)
                raise ApplicationError(
                    message, error, type=contracts.UNOPENABLE, non_retryable=True
                ) from None
            heard = self._begin(session, execution, opened.document)
        if heard:
            self._switchboard.wake()
        return replace(opened, heard=[*heard])

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
            heard = self._tell_end(session, settlement)
        if heard:
            self._switchboard.wake()
        return None if settlement.reply_key is None else self._outcomes.reply(settlement.reply_key, told)

    @activity.defn(name=contracts.READ_OUTCOME)
    def read(self, reading: contracts.OutcomeReading) -> str | None:
        """Return how an execution ended, sealed to the reply key; nothing while it runs."""
        with self._sessions.begin() as session:
            told = self._outcomes.read(
                session, account_id=UUID(reading.account_id), execution_id=UUID(reading.execution_id)
            )
        return None if told is None else self._outcomes.reply(reading.reply_key, told)

    def _begin(self, session: Session, execution: Execution, document: dict[str, Any]) -> Sequence[str]:
        """Let an execution's steps listen, and tell that it has started; return all that is heard of it."""
        now = datetime.now(UTC)
        self._switchboard.listen(
            session,
            account_id=execution.account_id,
            definition_id=execution.definition_id,
            workflow_id=contracts.execution_workflow_id(str(execution.id)),
            kinds=hearing.in_steps(document),
            now=now,
        )
        subject = Subject.of(document, str(execution.id))
        return self._switchboard.tell(
            session,
            account_id=execution.account_id,
            definition_id=execution.definition_id,
            execution_id=execution.id,
            subject=subject,
            phase="started",
            now=now,
            definition=subject.definition,
        )

    def _tell_end(self, session: Session, settlement: contracts.Settlement) -> Sequence[str]:
        """Tell how an execution ended, unless it could not even be opened."""
        if settlement.subject is None:
            return []
        account_id, execution_id = UUID(settlement.account_id), UUID(settlement.execution_id)
        execution = executions.find(session, account_id=account_id, execution_id=execution_id)
        phase, about = _ending(settlement)
        return self._switchboard.tell(
            session,
            account_id=account_id,
            definition_id=execution.definition_id,
            execution_id=execution_id,
            subject=Subject(**settlement.subject),
            phase=phase,
            now=datetime.now(UTC),
            **about,
        )

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


def _ending(settlement: contracts.Settlement) -> tuple[str, dict[str, Any]]:
    """Return the lifecycle event of an end, and what it says."""
    if settlement.cancelled:
        return "cancelled", {}
    if settlement.error is not None:
        return "faulted", {"error": settlement.error}
    return "completed", {"outputUri": f"/api/executions/{settlement.execution_id}"}


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
