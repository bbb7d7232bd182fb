"""Events that executions emit, and what waits for them: written down where web writes, opened here alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from engine.config.settings import Settings
from engine.contracts import executions as contracts
from engine.contracts import schedules
from engine.crypto import jwe
from engine.errors import NotFoundError
from engine.interpreter import documents
from engine.interpreter.constructs import event_types
from engine.store.workflows import DefinitionVersion
from engine.workflows import definitions, versions
from engine.workflows.events import queue
from engine.workflows.events.dispatch import Switchboard
from engine.workflows.events.queue import Sealed
from engine.workflows.executions import executions
from engine.workflows.schedules import triggers


class EventActivities:
    """Holds the database and the switchboard."""

    def __init__(
        self, sessions: sessionmaker[Session], switchboard: Switchboard, settings: Settings
    ) -> None:
        self._sessions = sessions
        self._switchboard = switchboard
        self._settings = settings

    @activity.defn(name=contracts.PUBLISH_EVENTS)
    def publish(self, publication: contracts.Publication) -> None:
        """Write down what an execution emits, each event once however often this is tried."""
        sealed = [
            Sealed(
                UUID(told["key"]),
                self._switchboard.seal(told["event"]),
                lifecycle=told["lifecycle"],
            )
            for told in publication.events
        ]
        account_id, execution_id = UUID(publication.account_id), UUID(publication.execution_id)
        with self._sessions.begin() as session:
            execution = executions.find(session, account_id=account_id, execution_id=execution_id)
            queue.keep(
                session,
                account_id=account_id,
                events=sealed,
                now=datetime.now(UTC),
                definition_id=execution.definition_id,
            )
        self._switchboard.wake()

    @activity.defn(name=contracts.OPEN_SCHEDULE)
    def open(self, start: contracts.ScheduleStart) -> contracts.Scheduled | None:
        """Return the document a schedule goes by, and listen for what triggers it.

        Nothing when the definition is gone, or has been changed since.
        """
        account_id, definition_id = UUID(start.account_id), UUID(start.definition_id)
        with self._sessions.begin() as session:
            try:
                newest = definitions.find(
                    session, account_id=account_id, definition_id=definition_id, lock=True
                )
            except NotFoundError:
                return None
            if newest.version != start.version:
                return None
            found = versions.find(
                session, account_id=account_id, definition_id=definition_id, version=start.version
            )
            document = self._document(found)
            if start.trigger == "on":
                self._switchboard.listen(
                    session,
                    account_id=account_id,
                    definition_id=definition_id,
                    workflow_id=contracts.schedule_workflow_id(
                        start.definition_id, start.trigger, start.version
                    ),
                    kinds=event_types.of_strategy(document["schedule"]["on"]),
                    now=datetime.now(UTC),
                )
            return contracts.Scheduled(document)

    @activity.defn(name=contracts.FIRE_SCHEDULE)
    def fire(self, firing: schedules.Firing) -> schedules.Fired | None:
        """Store the execution that a schedule starts; nothing when its definition is gone, or changed."""
        with self._sessions.begin() as session:
            there = triggers.fire(
                session,
                account_id=UUID(firing.account_id),
                definition_id=UUID(firing.definition_id),
                execution_id=UUID(firing.execution_id),
                input_sealed=self._switchboard.seal(firing.input),
                now=datetime.now(UTC),
                version=firing.version,
            )
        return schedules.Fired(self._settings.execution_seconds_max) if there else None

    @activity.defn(name=contracts.EXECUTION_ENDED)
    def ended(self, execution_id: str) -> bool:
        """Tell whether an execution has ended, or is no more."""
        with self._sessions() as session:
            return not executions.still_running(session, [UUID(execution_id)])

    def _document(self, sealed: DefinitionVersion) -> dict[str, Any]:
        text, content_type = jwe.open_definition(
            self._switchboard.keys,
            encrypted_data=sealed.encrypted_data,
            encryption_key=sealed.encryption_key,
            bytes_max=self._settings.definition_bytes_max,
        )
        return documents.read(text, content_type)
