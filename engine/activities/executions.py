"""Activities that open an execution for the interpreter and store its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.activities.replies import reply_to
from engine.activities.step_quota import StepQuota
from engine.config.settings import Settings
from engine.contracts.child_executions import ChildOrder
from engine.contracts.commands import refusal
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
from engine.interpreter import documents, retry_from_failure
from engine.interpreter.constructs import event_types
from engine.language import size_limits
from engine.language.errors import STANDARD, TYPES
from engine.language.lifecycle_events import Subject
from engine.observability import metrics
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.workflows import DefinitionVersion
from engine.workflows import definitions
from engine.workflows.events.dispatch import Dispatcher, LifecyclePhase
from engine.workflows.executions import executions
from engine.workflows.executions.executions import ExecutionLimits, ExecutionRecord
from engine.workflows.executions.outcomes import Outcomes, SettledOutcome
from engine.workflows.executions.timeline_writer import TimelineWriter
from engine.workflows.secrets import SecretOpener

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class ExecutionActivities:
    """Activities of executions; with the engine's private keys they can decrypt them."""

    sessions: sessionmaker[Session]
    opener: SecretOpener
    outcomes: Outcomes
    dispatcher: Dispatcher
    settings: Settings
    step_quota: StepQuota
    timeline_writer: TimelineWriter

    @activity.defn(name=OPEN_EXECUTION)
    def open(self, start: ExecutionStart) -> OpenedExecution:
        """Return the decrypted document and input of an execution, and subscribe it to its events.

        :raises ApplicationError: `UNOPENABLE`, with the error that ends the execution; `REFUSED`,
            when it has ended, or another run of its workflow has opened it.
        """
        account_id, execution_id = UUID(start.account_id), UUID(start.execution_id)
        if start.ordered is not None:
            self._start_child(account_id, execution_id, start.ordered)
        with self.sessions.begin() as session:
            scope = AccountScope(session, account_id, datetime.now(UTC))
            record = _claim(scope, execution_id)
            try:
                execution = self._open(scope, record.execution, record.version)
            except (InvalidError, NotFoundError, TooLargeError) as refusal:
                raise _unopenable(refusal) from None
            subscribed_types = self._begin(scope, record, execution.document)
        if subscribed_types:
            self.dispatcher.wake()
        return replace(
            execution,
            heard=[*subscribed_types],
            run_depth=start.ordered.depth if start.ordered else 0,
            slowed_seconds=self.step_quota.count(start.account_id, 0),
        )

    @activity.defn(name=SETTLE_EXECUTION)
    def settle(self, settlement: Settlement) -> str | None:
        """Store an execution's outcome; return it encrypted to the reply key, if there is one."""
        account_id, execution_id = UUID(settlement.account_id), UUID(settlement.execution_id)
        if settlement.error is not None:
            outcome = {"error": settlement.error}
        else:
            outcome = {"result": settlement.result}
        ids = (settlement.account_id, settlement.execution_id)
        with self.timeline_writer.transaction(*ids) as session:
            scope = AccountScope(session, account_id, datetime.now(UTC))
            settled_outcome = self.outcomes.settle(
                scope,
                execution_id,
                status=settlement.status,
                outcome=outcome,
                checkpoint=settlement.left,
            )
            subscribed_types = self._announce_end(scope, settlement, settled_outcome)
        if settlement.steps:
            self.step_quota.count(settlement.account_id, settlement.steps)
        if subscribed_types:
            self.dispatcher.wake()
        return (
            None
            if settlement.reply_key is None
            else reply_to(settlement.reply_key, settled_outcome.outcome, self.settings)
        )

    @activity.defn(name=READ_OUTCOME)
    def read(self, reading: OutcomeReading) -> str | None:
        """Return an execution's outcome encrypted to the reply key; None while it runs."""
        with self.sessions.begin() as session:
            scope = AccountScope(session, UUID(reading.account_id), datetime.now(UTC))
            outcome = self.outcomes.read(scope, UUID(reading.execution_id))
        if outcome is None:
            return None
        return reply_to(reading.reply_key, outcome, self.settings)

    def _start_child(self, account_id: UUID, execution_id: UUID, order: ChildOrder) -> None:
        """Store the row of a child execution.

        :raises ApplicationError: `UNOPENABLE`, when too many executions run; the row is stored
            nevertheless.
        """
        with self.sessions.begin() as session:
            scope = AccountScope(session, account_id, datetime.now(UTC))
            definition = definitions.find(scope, UUID(order.definition_id), lock=True)
            refusal = executions.start_child(
                scope,
                definition,
                execution_id,
                parent_id=UUID(order.by),
                input_jwe=self.dispatcher.seal(order.input),
                limits=ExecutionLimits.from_settings(self.settings),
            )
        if refusal is not None:
            raise _unopenable(refusal)

    def _begin(
        self, scope: AccountScope, record: ExecutionRecord, document: dict[str, Any]
    ) -> Sequence[str]:
        """Subscribe an execution to its events and announce its start.

        :return: the types of its lifecycle events that have subscribers.
        """
        execution = record.execution
        self.dispatcher.listen(
            scope,
            definition_id=execution.definition_id,
            workflow_id=str(ExecutionWorkflowId(execution.id)),
            event_types=event_types.of_tasks(document),
        )
        subject = Subject.of(document, str(execution.id))
        phase = LifecyclePhase(
            execution.definition_id,
            execution.id,
            subject,
            "started",
            {"definition": subject.definition},
        )
        return self.dispatcher.announce(scope, phase, record.routing_keys)

    def _announce_end(
        self, scope: AccountScope, settlement: Settlement, outcome: SettledOutcome
    ) -> Sequence[str]:
        """Announce an execution's end, unless it was never opened.

        :return: the types of its lifecycle events that have subscribers.
        """
        if settlement.subject is None:
            return []
        phase = LifecyclePhase(
            outcome.definition_id,
            UUID(settlement.execution_id),
            Subject(**settlement.subject),
            *_ending(settlement),
        )
        return self.dispatcher.announce(scope, phase, outcome.routing_keys)

    def _open(
        self, scope: AccountScope, execution: Execution, definition: DefinitionVersion
    ) -> OpenedExecution:
        text, content_type = jwe.open_definition(
            self.opener.keys,
            encrypted_data=definition.encrypted_data,
            encryption_key=definition.encryption_key,
            bytes_max=self.settings.definition_bytes_max,
        )
        input_json = self.opener.keys.open(
            execution.input_sealed, pointer="/input", bytes_max=self.settings.value_bytes_max
        )
        document = documents.read(text, content_type)
        secrets = self.opener.open(scope, documents.secrets_of(document))
        return OpenedExecution(
            definition_id=str(execution.definition_id),
            definition_version=execution.definition_version,
            document=document,
            input=_parse_input(input_json),
            account_id=str(execution.account_id),
            interpreter=INTERPRETER,
            secrets=secrets,
            rests_every=self.settings.execution_rests_every,
            left=self._checkpoint(scope, execution, document),
        )

    def _checkpoint(
        self, scope: AccountScope, execution: Execution, document: dict[str, Any]
    ) -> str | None:
        """Return the checkpoint of the execution that this one retries, if there is one.

        :raises InvalidError: when the document lacks the step of the checkpoint.
        """
        if execution.retry_of is None:
            return None
        checkpoint = self.outcomes.checkpoint(scope, execution.retry_of)
        return checkpoint and retry_from_failure.match_document(checkpoint, document)


def _ending(settlement: Settlement) -> tuple[str, dict[str, Any]]:
    """Return the phase of an end and the members of its lifecycle event."""
    if settlement.cancelled:
        return "cancelled", {}
    if settlement.error is not None:
        return "faulted", {"error": settlement.error}
    return "completed", {"outputUri": f"/api/executions/{settlement.execution_id}"}


def _claim(scope: AccountScope, execution_id: UUID) -> ExecutionRecord:
    run_id = UUID(activity.info().workflow_run_id)
    try:
        return executions.open_with_definition(scope, execution_id, run_id=run_id)
    except ConflictError:
        metrics.COMMAND_REFUSALS.labels("row").inc()
        log.warning("command_refused", reason="row", execution=str(execution_id))
        raise refusal() from None


def _parse_input(data: bytes) -> Any:
    try:
        value = orjson.loads(data)
    except ValueError:
        raise InvalidError("input_malformed", "The decrypted input is no JSON.") from None
    if size_limits.is_deeper_than(value, size_limits.DATA_DEPTH_MAX):
        detail = f"The input is nested deeper than {size_limits.DATA_DEPTH_MAX}."
        raise TooLargeError("input_too_deep", detail, extra={"limit": "stepDataDepth"})
    return value


def _unopenable(refusal: EngineError) -> ApplicationError:
    """Return the failure that has the error of the language which ends the execution.

    A missing secret is an authorization error (DSL, "Secret"), an exceeded limit a runtime error.
    """
    kinds = {NotFoundError: "authorization", ConflictError: "runtime"}
    kind = kinds.get(type(refusal), "configuration")
    status, title = STANDARD[kind]
    places = "; ".join(f"{fault.pointer} {fault.detail}".strip() for fault in refusal.faults)
    limit = f"({refusal.extra['limit']})" if "limit" in refusal.extra else ""
    detail = " ".join(part for part in (refusal.detail, places, limit) if part)
    error = {"type": TYPES + kind, "status": status, "title": title, "detail": detail}
    if kind == "authorization" and refusal.faults:
        error["instance"] = refusal.faults[0].pointer
    message = "The execution cannot be opened"
    return ApplicationError(message, error, type=UNOPENABLE, non_retryable=True)
