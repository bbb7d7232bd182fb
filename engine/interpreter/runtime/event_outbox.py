"""Outbox of the events that an execution emits; one local activity delivers many of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.interpreter.runtime.environment import Environment

BATCH_MAX = 200


@dataclass(slots=True)
class EventOutbox:
    """Events that tasks emitted and that the account's event store does not have yet.

    `deliver` runs beside the interpreter and takes its turn whenever the interpreter waits. So a
    hundred emitted events between two calls cost one local activity. An execution neither ends nor
    continues as new before `flush` returned.
    """

    environment: Environment
    pending: list[dict[str, Any]] = field(default_factory=list)
    _delivering: bool = False
    _failure: Exception | None = None

    def add(self, event: dict[str, Any], *, lifecycle: bool = False) -> None:
        """Queue an event, with a key by which the store recognises a second delivery."""
        self.pending.append(
            {"key": self.environment.uuid(), "event": event, "lifecycle": lifecycle}
        )

    async def deliver(self) -> None:
        """Deliver the queued events, until the caller cancels this or a delivery fails."""
        while self._failure is None:
            await self.environment.wait_until(lambda: bool(self.pending))
            batch, self.pending = self.pending[:BATCH_MAX], self.pending[BATCH_MAX:]
            self._delivering = True
            try:
                await self.environment.publish(batch)
            except Exception as failure:  # noqa: BLE001 - `flush` raises whatever it is
                self._failure = failure
            self._delivering = False

    async def flush(self) -> None:
        """Return when every event is delivered.

        :raises Exception: of a delivery that failed, such as after the account's deletion.
        """
        await self.environment.wait_until(
            lambda: self._failure is not None or not (self.pending or self._delivering)
        )
        if self._failure is not None:
            raise self._failure
