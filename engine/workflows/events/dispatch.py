"""Who in an account hears what: the worker's own knowledge, for it alone has the keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy.orm import Session

from engine.accounts import encryption_keys
from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.errors import InvalidError
from engine.language import cloud_events, lifecycle_events
from engine.language.cloud_events import ANY_TYPE
from engine.language.lifecycle_events import Subject
from engine.store.events import Event
from engine.workflows.events import queue, subscriptions
from engine.workflows.events.queue import Sealed


@dataclass(frozen=True, slots=True)
class Switchboard:
    """Opens events, seals them, and knows the routing keys of an account; `wake` rings for the router."""

    keys: EngineKeys
    ring: Keyring
    event_bytes_max: int
    wake: Callable[[], None]

    def seal(self, value: Any) -> str:
        """Seal a value as web seals it: to the engine."""
        return jwe.seal(next(iter(self.keys.keys.values())), orjson.dumps(value))

    def open(self, row: Event) -> dict[str, Any] | None:
        """Return the event of a row, or None when what a client sealed is no CloudEvent."""
        try:
            opened = self.keys.open(row.sealed or "", pointer="", bytes_max=self.event_bytes_max)
            event = orjson.loads(opened)
        except (InvalidError, ValueError):
            return None
        return event if cloud_events.find_fault(event) is None else None

    def routing_keys(
        self, session: Session, account_id: UUID, kinds: Iterable[str]
    ) -> dict[str, str]:
        """Return the routing key of each type of event in an account."""
        key = encryption_keys.obtain(session, self.ring, account_id=account_id)
        return {kind: subscriptions.routing_key(key, kind) for kind in kinds}

    def listen(
        self,
        session: Session,
        *,
        account_id: UUID,
        definition_id: UUID,
        workflow_id: str,
        kinds: Collection[str],
        now: datetime,
    ) -> None:
        """Have events of these types delivered to a workflow."""
        if kinds:
            keys = self.routing_keys(session, account_id, kinds).values()
            subscriptions.register(
                session,
                account_id=account_id,
                definition_id=definition_id,
                workflow_id=workflow_id,
                keys=[*keys],
                now=now,
            )

    def heard(self, session: Session, *, account_id: UUID, keys: Collection[str]) -> list[str]:
        """Return the lifecycle events among the routing keys that an execution's account hears elsewhere.

        Who listens for all events hears none of these: it would hear its own steps, and those of whatever
        it starts, for ever. For the same reason a definition never hears itself.
        """
        wanted = set(keys) - {ANY_TYPE}
        if not wanted:
            return []
        known = self.routing_keys(session, account_id, lifecycle_events.TYPES)
        return [kind for kind in lifecycle_events.TYPES if known[kind] in wanted]

    def tell(
        self,
        session: Session,
        *,
        account_id: UUID,
        definition_id: UUID,
        execution_id: UUID,
        subject: Subject,
        phase: str,
        now: datetime,
        keys: Collection[str],
        **data: Any,
    ) -> Sequence[str]:
        """Keep what an execution came to, once, for those who listen; return all that is heard of it.

        `keys` are the routing keys that are listened for elsewhere in its account.
        """
        heard = self.heard(session, account_id=account_id, keys=keys)
        at = f"{now:%Y-%m-%dT%H:%M:%S.%f}Z"
        told = [
            (uuid5(execution_id, event["type"] + phase), event)
            for event in lifecycle_events.create_events(
                subject, "workflow", phase, at, heard, **data
            )
        ]
        sealed = [
            Sealed(key, self.seal({"id": str(key), **event}), lifecycle=True) for key, event in told
        ]
        queue.keep(
            session, account_id=account_id, events=sealed, now=now, definition_id=definition_id
        )
        return heard
