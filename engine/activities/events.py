"""Activities that store the events of executions and serve the triggers of definitions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from engine.config.settings import Settings
from engine.contracts.events import PUBLISH_EVENTS, Publication
from engine.contracts.executions import EXECUTION_ENDED
from engine.contracts.schedules import (
    FIRE_SCHEDULE,
    OPEN_SCHEDULE,
    TriggerDocument,
    TriggerExecution,
    TriggerFiring,
    TriggerStart,
)
from engine.contracts.workflow_ids import TriggerWorkflowId, VersionReference
from engine.crypto import jwe
from engine.errors import ConflictError, ForbiddenError, NotFoundError
from engine.interpreter import documents
from engine.interpreter.constructs import event_types
from engine.store.account_scope import AccountScope
from engine.store.workflows import DefinitionVersion
from engine.workflows import definitions, versions
from engine.workflows.events import queue
from engine.workflows.events.dispatch import Dispatcher
from engine.workflows.events.queue import SealedEvent
from engine.workflows.executions import executions, queries
from engine.workflows.executions.executions import ExecutionLimits
from engine.workflows.schedules import triggers


class EventActivities:
    """Activities of events and triggers."""

    def __init__(
        self, sessions: sessionmaker[Session], dispatcher: Dispatcher, settings: Settings
    ) -> None:
        self._sessions = sessions
        self._dispatcher = dispatcher
        self._settings = settings

    @activity.defn(name=PUBLISH_EVENTS)
    def publish(self, publication: Publication) -> None:
        """Store the events of an execution, each once however often the activity runs."""
        events = [
            SealedEvent(
                UUID(event["key"]),
                self._dispatcher.seal(event["event"]),
                lifecycle=event["lifecycle"],
            )
            for event in publication.events
        ]
        account_id, execution_id = UUID(publication.account_id), UUID(publication.execution_id)
        with self._sessions.begin() as session:
            scope = AccountScope(session, account_id, datetime.now(UTC))
            execution = executions.find(scope, execution_id)
            queue.store(scope, events, definition_id=execution.definition_id)
        self._dispatcher.wake()

    @activity.defn(name=OPEN_SCHEDULE)
    def open(self, start: TriggerStart) -> TriggerDocument | None:
        """Return the document of a trigger's version, and subscribe to its events.

        Return None when the definition was deleted or has a newer version.
        """
        version = VersionReference(UUID(start.definition_id), start.version)
        try:
            with self._sessions.begin() as session:
                scope = AccountScope(session, UUID(start.account_id), datetime.now(UTC))
                definition_version = versions.find(scope, version.definition_id, version.version)
            # A large document takes a while: no transaction waits meanwhile, and no row is locked.
            document = self._document(definition_version)
            return self._subscribe(start, version, document)
        except NotFoundError:
            return None

    def _subscribe(
        self, start: TriggerStart, version: VersionReference, document: dict[str, Any]
    ) -> TriggerDocument | None:
        with self._sessions.begin() as session:
            scope = AccountScope(session, UUID(start.account_id), datetime.now(UTC))
            newest = definitions.find(scope, version.definition_id, lock=True)
            if newest.version != start.version:
                return None
            if start.trigger == "on":
                self._dispatcher.listen(
                    scope,
                    definition_id=version.definition_id,
                    workflow_id=str(TriggerWorkflowId(version, start.trigger)),
                    event_types=event_types.of_strategy(document["schedule"]["on"]),
                )
            return TriggerDocument(document)

    @activity.defn(name=FIRE_SCHEDULE)
    def fire(self, firing: TriggerFiring) -> TriggerExecution | None:
        """Store the execution that a trigger starts.

        Return None when the definition was deleted or has a newer version, and a refusal while the
        account has no room for one more execution.
        """
        version = VersionReference(UUID(firing.definition_id), firing.version)
        try:
            with self._sessions.begin() as session:
                is_stored = triggers.fire(
                    AccountScope(session, UUID(firing.account_id), datetime.now(UTC)),
                    version,
                    execution_id=UUID(firing.execution_id),
                    input_jwe=self._dispatcher.seal(firing.input),
                    limits=ExecutionLimits.from_settings(self._settings),
                )
        except (ConflictError, ForbiddenError):
            return TriggerExecution(0, is_refused=True)
        return TriggerExecution(self._settings.execution_seconds_max) if is_stored else None

    @activity.defn(name=EXECUTION_ENDED)
    def has_ended(self, execution_id: str) -> bool:
        """Return whether an execution has ended or was deleted."""
        with self._sessions() as session:
            return not queries.find_running(session, [UUID(execution_id)])

    def _document(self, version: DefinitionVersion) -> dict[str, Any]:
        text, content_type = jwe.open_definition(
            self._dispatcher.keys,
            encrypted_data=version.encrypted_data,
            encryption_key=version.encryption_key,
            bytes_max=self._settings.definition_bytes_max,
        )
        return documents.read(text, content_type)
