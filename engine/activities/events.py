"""Events that executions emit, and schedules: written down where web writes, opened here alone."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from engine import definitions, events, executions, schedules, versions
from engine.errors import NotFoundError
from engine.events import Sealed
from engine.interpreter import contracts, grammar, hearing
from engine.settings import Settings
from engine.switchboard import Switchboard
from engine.vault import envelope


class EventActivities:
    """Holds the database and the switchboard."""

    def __init__(self, sessions: sessionmaker[Session], switchboard: Switchboard, settings: Settings) -> None:
        self._sessions = sessions
        self._switchboard = switchboard
        self._settings = settings

    @activity.defn(name=contracts.PUBLISH_EVENTS)
    def publish(self, publication: contracts.Publication) -> None:
        """Write down what an execution emits, each event once however often this is tried."""
        sealed = [
            Sealed(UUID(told["key"]), self._switchboard.seal(told["event"]), lifecycle=told["lifecycle"])
            for told in publication.events
        ]
        account_id, execution_id = UUID(publication.account_id), UUID(publication.execution_id)
        with self._sessions.begin() as session:
            execution = executions.find(session, account_id=account_id, execution_id=execution_id)
            events.keep(
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
            text, content_type = envelope.open_definition(
                self._switchboard.keys,
                encrypted_data=found.encrypted_data,
                encryption_key=found.encryption_key,
                bytes_max=self._settings.definition_bytes_max,
            )
            document = grammar.read(text, content_type)
            if start.trigger == "on":
                self._switchboard.listen(
                    session,
                    account_id=account_id,
                    definition_id=definition_id,
                    workflow_id=contracts.schedule_workflow_id(
                        start.definition_id, start.trigger, start.version
                    ),
                    kinds=hearing.in_strategy(document["schedule"]["on"]),
                    now=datetime.now(UTC),
                )
            return contracts.Scheduled(document, saved_at=found.created_at.astimezone(UTC).isoformat())

    @activity.defn(name=contracts.FIRE_SCHEDULE)
    def fire(self, firing: contracts.Firing) -> contracts.Fired | None:
        """Store the execution that a schedule starts; nothing when its definition is gone, or changed."""
        with self._sessions.begin() as session:
            there = schedules.fire(
                session,
                account_id=UUID(firing.account_id),
                definition_id=UUID(firing.definition_id),
                execution_id=UUID(firing.execution_id),
                input_sealed=self._switchboard.seal(firing.input),
                now=datetime.now(UTC),
                version=firing.version,
            )
        return contracts.Fired(self._settings.execution_seconds_max) if there else None
