"""Events on their way out of an execution: handed over together, whenever the walk has to wait anyway."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from temporalio.exceptions import ApplicationError

from engine.interpreter.runtime.environment import Environment

BATCH_MAX = 200


@dataclass(slots=True)
class Post:
    """What has been emitted and is not yet in the account's keeping.

    `carry` runs beside the walk and has its turn when that waits for anything: a hundred emits between two
    calls are one local activity. An execution neither ends nor is continued before `flush` has returned.
    """

    environment: Environment
    outgoing: list[dict[str, Any]] = field(default_factory=list)
    _carrying: bool = False
    _failure: ApplicationError | None = None

    def put(self, event: dict[str, Any], *, lifecycle: bool = False) -> None:
        """Have an event carried, under a key that a second carriage of it has as well."""
        self.outgoing.append(
            {"key": self.environment.uuid(), "event": event, "lifecycle": lifecycle}
        )

    async def carry(self) -> None:
        """Hand over what is put in, for as long as the walk goes on."""
        while self._failure is None:
            await self.environment.until(lambda: bool(self.outgoing))
            batch, self.outgoing = self.outgoing[:BATCH_MAX], self.outgoing[BATCH_MAX:]
            self._carrying = True
            try:
                await self.environment.publish(batch)
            except ApplicationError as failure:
                self._failure = failure
            self._carrying = False

    async def flush(self) -> None:
        """Return when nothing is left to carry.

        :raises ApplicationError: when it could not be carried: the account is no more.
        """
        await self.environment.until(
            lambda: self._failure is not None or not (self.outgoing or self._carrying)
        )
        if self._failure is not None:
            raise self._failure
