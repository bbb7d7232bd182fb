"""Dispatch of events in the worker, which alone has the keys: who in an account receives what."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy.orm import Session

from engine.accounts import encryption_keys
from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.errors import InvalidError
from engine.language import cloud_events, lifecycle_events, size_limits
from engine.language.cloud_events import ANY_TYPE
from engine.language.lifecycle_events import Subject
from engine.store.account_scope import AccountScope
from engine.store.events import Event
from engine.workflows.events import queue, subscriptions
from engine.workflows.events.queue import SealedEvent

# The data of an emitted event is as deep as a task's; the event itself adds a few levels.
DEPTH_MAX = 2 * size_limits.DATA_DEPTH_MAX


@dataclass(frozen=True, slots=True)
class LifecyclePhase:
    """Phase of an execution (started, completed, faulted, cancelled), and its data."""

    definition_id: UUID
    execution_id: UUID
    subject: Subject
    name: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Opens and seals events and knows an account's routing keys; `wake` wakes the router."""

    keys: EngineKeys
    ring: Keyring
    event_bytes_max: int
    wake: Callable[[], None]

    def seal(self, value: Any) -> str:
        """Return a value as a JWE to the engine, as web makes them."""
        return jwe.seal(next(iter(self.keys.keys.values())), orjson.dumps(value))

    def open(self, row: Event) -> dict[str, Any] | None:
        """Return the event of a row; None when what a client sealed is no CloudEvent."""
        try:
            plaintext = self.keys.open(row.sealed or "", pointer="", bytes_max=self.event_bytes_max)
            event = orjson.loads(plaintext)
        except (InvalidError, ValueError):
            return None
        if size_limits.is_deeper_than(event, DEPTH_MAX):
            return None
        return event if cloud_events.find_fault(event) is None else None

    def routing_keys(
        self, session: Session, account_id: UUID, event_types: Iterable[str]
    ) -> dict[str, str]:
        """Return the routing key of each event type in an account."""
        key = encryption_keys.obtain(session, self.ring, account_id=account_id)
        return {name: subscriptions.routing_key(key, name) for name in event_types}

    def listen(
        self,
        scope: AccountScope,
        *,
        definition_id: UUID,
        workflow_id: str,
        event_types: Collection[str],
    ) -> None:
        """Have events of these types delivered to a workflow."""
        if event_types:
            keys = self.routing_keys(scope.session, scope.account_id, event_types).values()
            subscriptions.register(
                scope, definition_id=definition_id, workflow_id=workflow_id, keys=[*keys]
            )

    def lifecycle_types(self, scope: AccountScope, routing_keys: Collection[str]) -> list[str]:
        """Return the lifecycle events that other definitions listen for by these routing keys.

        A listener for all events receives none of them: it would receive its own steps, and those
        of whatever it starts, for ever. For the same reason a definition never receives its own.
        """
        keys = set(routing_keys) - {ANY_TYPE}
        if not keys:
            return []
        key_of = self.routing_keys(scope.session, scope.account_id, lifecycle_events.TYPES)
        return [name for name in lifecycle_events.TYPES if key_of[name] in keys]

    def announce(
        self, scope: AccountScope, phase: LifecyclePhase, routing_keys: Collection[str]
    ) -> Sequence[str]:
        """Store the lifecycle event of a phase for its listeners, once.

        `routing_keys` are those that other definitions of the account listen for. Return the names
        of all lifecycle events that these stand for.
        """
        event_types = self.lifecycle_types(scope, routing_keys)
        at = f"{scope.now:%Y-%m-%dT%H:%M:%S.%f}Z"
        events = lifecycle_events.create_events(
            phase.subject, "workflow", phase.name, at, event_types, **phase.data
        )
        sealed_events = []
        for event in events:
            key = uuid5(phase.execution_id, event["type"] + phase.name)
            content = self.seal({"id": str(key), **event})
            sealed_events.append(SealedEvent(key, content, lifecycle=True))
        queue.store(scope, sealed_events, definition_id=phase.definition_id)
        return event_types
