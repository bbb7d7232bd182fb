"""Events on their way out of an execution: handed over together, whenever the walk has to wait anyway."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from engine.interpreter.world import World

BATCH_MAX = 200


@dataclass(slots=True)
class Post:
    """What has been emitted and is not yet in the account's keeping.

    The carrying starts when the walk waits for anything: a hundred emits between two calls are one local
    activity. An execution does not end, and is not continued, before `flush` has returned.
    """

    world: World
    outgoing: list[dict[str, Any]] = field(default_factory=list)
    _carrying: asyncio.Task[None] | None = None

    def put(self, event: dict[str, Any], *, lifecycle: bool = False) -> None:
        """Have an event carried, under a key that a second carriage of it has as well."""
        self.outgoing.append({"key": self.world.uuid(), "event": event, "lifecycle": lifecycle})
        if self._carrying is None:
            self._carrying = asyncio.create_task(self._carry())

    async def flush(self) -> None:
        """Return when nothing is left to carry."""
        while self._carrying is not None:
            await self._carrying

    async def _carry(self) -> None:
        try:
            while self.outgoing:
                batch, self.outgoing = self.outgoing[:BATCH_MAX], self.outgoing[BATCH_MAX:]
                await self.world.publish(batch)
        finally:
            self._carrying = None
