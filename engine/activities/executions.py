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

from engine.activities.step_quota import Turns
from engine.activities.timeline import Journal
from engine.config.settings import Settings
from engine.contracts.child_executions import ChildOrder
from engine.contracts.executions import (
    INTERPRETER,
    OPEN_EXECUTION,
    READ_OUTCOME,
    SETTLE_EXECUTION,
    UNOPENABLE,
    ExecutionStart,
    OpenedExecution,
    OutcomeReading,
    Settlement,
)
from engine.contracts.workflow_ids import ExecutionWorkflowId
from engine.crypto import jwe
from engine.errors import ConflictError, EngineError, InvalidError, NotFoundError, TooLargeError
from engine.expressions.sandbox.fair_queue import ACCOUNT
from engine.interpreter import documents, retry_from_failure
from engine.interpreter.constructs import event_types
from engine.language.errors import STANDARD, TYPES
from engine.language.lifecycle_events import Subject
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.workflows import DefinitionVersion
from engine.workflows import definitions
from engine.workflows.events.dispatch import Dispatcher, LifecyclePhase
from engine.workflows.executions import executions
from engine.workflows.executions.executions import ExecutionRecord
from engine.workflows.executions.outcomes import Outcomes, SettledOutcome
from engine.workflows.secrets import SecretOpener


class ExecutionActivities:
    """Holds the database, the engine's private keys and the way outcomes are kept."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        opener: SecretOpener,
        outcomes: Outcomes,
        dispatcher: Dispatcher,
        settings: Settings,
        turns: Turns,
        journal: Journal,
    ) -> None:
        self._sessions = sessions
        self._keys = opener.keys
        self._opener = opener
        self._outcomes = outcomes
        self._dispatcher = dispatcher
        self._settings = settings
        self._turns = turns
        self._journal = journal

    @activity.defn(name=OPEN_EXECUTION)
    def open(self, start: ExecutionStart) -> OpenedExecution:
        """Return the document and the input of an execution, in the clear; from now on events reach it.

        :raises ApplicationError: `UNOPENABLE`, with the error the execution shall end with.
        """
        ACCOUNT.set(start.account_id)
        account_id, execution_id = UUID(start.account_id), UUID(start.execution_id)
        if start.ordered is not None:
            self._adopt(account_id, execution_id, start.ordered)
        with self._sessions.begin() as session:
            scope = AccountScope(session, account_id, datetime.now(UTC))
            record = executions.open_with_definition(scope, execution_id)
            try:
                opened = self._open(scope, record.execution, record.version)
            except (InvalidError, NotFoundError, TooLargeError) as refusal:
                raise _unopenable(refusal) from None
            heard = self._begin(scope, record, opened.document)
        if heard:
            self._dispatcher.wake()
        slowed, depth = (
            self._turns.count(start.account_id, 0),
            start.ordered.depth if start.ordered else 0,
        )
        return replace(opened, heard=[*heard], run_depth=depth, slowed_seconds=slowed)

    @activity.defn(name=SETTLE_EXECUTION)
    def settle(self, settlement: Settlement) -> str | None:
        """End the execution's row and return the answer, sealed to the reply key when there is one."""
        account_id, execution_id = UUID(settlement.account_id), UUID(settlement.execution_id)
        failed = settlement.error is not None
        outcome = {"error": settlement.error} if failed else {"result": settlement.result}
        ids = (settlement.account_id, settlement.execution_id)
        with self._sessions() as session, self._journal.taken(session, *ids):
            scope = AccountScope(session, account_id, datetime.now(UTC))
            settled = self._outcomes.settle(
                scope,
                execution_id,
                status=settlement.status,
                outcome=outcome,
                checkpoint=settlement.left,
            )
            heard = self._tell_end(scope, settlement, settled)
        if settlement.steps:
            self._turns.count(settlement.account_id, settlement.steps)
        if heard:
            self._dispatcher.wake()
        return (
            None
            if settlement.reply_key is None
            else self._outcomes.reply(settlement.reply_key, settled.outcome)
        )

    @activity.defn(name=READ_OUTCOME)
    def read(self, reading: OutcomeReading) -> str | None:
        """Return how an execution ended, sealed to the reply key; nothing while it runs."""
        with self._sessions.begin() as session:
            scope = AccountScope(session, UUID(reading.account_id), datetime.now(UTC))
            told = self._outcomes.read(scope, UUID(reading.execution_id))
        return None if told is None else self._outcomes.reply(reading.reply_key, told)

    def _adopt(self, account_id: UUID, execution_id: UUID, ordered: ChildOrder) -> None:
        """Store the row of an execution that another one ordered: from now on it ends as all do.

        :raises ApplicationError: `UNOPENABLE`, when it is one too many; its row is there all the same.
        """
        with self._sessions.begin() as session:
            scope = AccountScope(session, account_id, datetime.now(UTC))
            definition = definitions.find(scope, UUID(ordered.definition_id), lock=True)
            refusal = executions.start_child(
                scope,
                definition,
                execution_id,
                parent_id=UUID(ordered.by),
                input_jwe=self._dispatcher.seal(ordered.input),
                running_max=self._settings.executions_per_account_max,
            )
        if refusal is not None:
            raise _unopenable(refusal)

    def _begin(
        self, scope: AccountScope, record: ExecutionRecord, document: dict[str, Any]
    ) -> Sequence[str]:
        """Let an execution's steps listen, and tell that it has started; return all that is heard of it."""
        execution = record.execution
        self._dispatcher.listen(
            scope,
            definition_id=execution.definition_id,
            workflow_id=str(ExecutionWorkflowId(execution.id)),
            event_types=event_types.in_steps(document),
        )
        subject = Subject.of(document, str(execution.id))
        phase = LifecyclePhase(
            execution.definition_id,
            execution.id,
            subject,
            "started",
            {"definition": subject.definition},
        )
        return self._dispatcher.announce(scope, phase, record.routing_keys)

    def _tell_end(
        self, scope: AccountScope, settlement: Settlement, settled: SettledOutcome
    ) -> Sequence[str]:
        """Tell how an execution ended, unless it could not even be opened."""
        if settlement.subject is None:
            return []
        phase = LifecyclePhase(
            settled.definition_id,
            UUID(settlement.execution_id),
            Subject(**settlement.subject),
            *_ending(settlement),
        )
        return self._dispatcher.announce(scope, phase, settled.routing_keys)

    def _open(
        self, scope: AccountScope, execution: Execution, definition: DefinitionVersion
    ) -> OpenedExecution:
        text, content_type = jwe.open_definition(
            self._keys,
            encrypted_data=definition.encrypted_data,
            encryption_key=definition.encryption_key,
            bytes_max=self._settings.definition_bytes_max,
        )
        sealed_input = self._keys.open(
            execution.input_sealed, pointer="/input", bytes_max=self._settings.value_bytes_max
        )
        document = documents.read(text, content_type)
        secrets = self._opener.open(scope, documents.secrets_of(document))
        return OpenedExecution(
            definition_id=str(execution.definition_id),
            definition_version=execution.definition_version,
            document=document,
            input=_json(sealed_input),
            account_id=str(execution.account_id),
            interpreter=INTERPRETER,
            secrets=secrets,
            rests_every=self._settings.execution_rests_every,
            left=self._left(scope, execution, document),
        )

    def _left(
        self, scope: AccountScope, execution: Execution, document: dict[str, Any]
    ) -> str | None:
        """Return what the execution that this one retries has left, if it does and there is something.

        :raises InvalidError: when the document is another, and has not the step at which that one stood.
        """
        if execution.retry_of is None:
            return None
        left = self._outcomes.checkpoint(scope, execution.retry_of)
        return left and retry_from_failure.match_document(left, document)


def _ending(settlement: Settlement) -> tuple[str, dict[str, Any]]:
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


def _unopenable(refusal: EngineError) -> ApplicationError:
    """Return the failure that says with which error of the language the execution ends.

    A secret that is missing may not be used (DSL, "Secret"); for what is too much there is only runtime.
    """
    kinds = {NotFoundError: "authorization", ConflictError: "runtime"}
    kind = kinds.get(type(refusal), "configuration")
    status, title = STANDARD[kind]
    places = "; ".join(f"{fault.pointer} {fault.detail}".strip() for fault in refusal.faults)
    limit = f"({refusal.extra['limit']})" if "limit" in refusal.extra else ""
    detail = " ".join(said for said in (refusal.detail, places, limit) if said)
    error = {"type": TYPES + kind, "status": status, "title": title, "detail": detail}
    if kind == "authorization" and refusal.faults:
        error["instance"] = refusal.faults[0].pointer
    message = "The execution cannot be opened"
    return ApplicationError(message, error, type=UNOPENABLE, non_retryable=True)
