"""Messages in and out of the queues of AMQP brokers, where a message is kept until it is taken over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pamqp.commands import Basic, Confirm, Exchange, Queue
from pamqp.header import ContentHeader

from engine.calls.asyncapi import amqp
from engine.calls.asyncapi.amqp import Delivery
from engine.calls.asyncapi.amqp_bindings import Place, place, properties, vhost
from engine.calls.asyncapi.amqp_frames import Link, MissingError
from engine.calls.asyncapi.connections import who, wired
from engine.calls.asyncapi.document import Route
from engine.egress.guard import BODY_BYTES_MAX, Egress

# Who asks when nobody is named: AMQP knows no client without a name, and brokers have this one for it.
NOBODY = ("guest", "guest")


@dataclass(frozen=True, slots=True)
class Told:
    """What goes beside a payload."""

    headers: dict[str, Any] = field(default_factory=dict)
    media: str = "application/json"
    correlation: str | None = None


async def publish(
    egress: Egress, route: Route, policy: dict[str, Any], payload: bytes, told: Told
) -> None:
    """Publish one message and wait until the broker has it; one for a queue must get to that queue.

    :raises RefusedError: when the broker refuses.
    :raises EgressError: when it cannot be reached.
    :raises ValueError: when the document asks for what AMQP does not have.
    """
    at = place(route)
    head = ContentHeader(
        body_size=len(payload),
        properties=properties(route, told.headers, told.media, told.correlation, datetime.now(UTC)),
    )
    mandatory = at.queue is not None or route.bindings.get("mandatory") is True
    method = Basic.Publish(exchange=at.exchange, routing_key=at.key, mandatory=mandatory)
    async with linked(egress, route, policy) as link:
        if not at.own:
            await _made(link, at)
        await amqp.ask(link, Confirm.Select(), Confirm.SelectOk)
        await amqp.publish(link, method, head, payload)
        await amqp.log_out(link)


class Consumer:
    """Takes messages of one queue; between two requests for them none is on its way, and all lie there.

    What is taken stays the broker's until `acknowledge`; when the connection ends before, it goes back.
    """

    def __init__(self, egress: Egress, route: Route, policy: dict[str, Any]) -> None:
        self._egress, self._route, self._policy = egress, route, policy
        self._link: Link | None = None
        self._queue = ""
        self.busy = asyncio.Lock()

    async def take(self, count_max: int, *, linger: bool, seconds: float) -> list[Delivery]:
        """Return the messages that are there, at least one unless the time is over before.

        :param linger: waits for as many as are wanted at most.
        :raises RefusedError: when the broker refuses.
        :raises EgressError: when it cannot be reached, or has a message that is too large.
        """
        link = self._link = self._link or await self._opened()
        await amqp.consume(link, self._queue, prefetch=count_max)
        batch, loop = _Batch(), asyncio.get_running_loop()
        until = loop.time() + seconds
        while len(batch.taken) < (count_max if linger else 1) and not batch.left:
            delivery = await amqp.receive(link, until - loop.time())
            if delivery is None:
                break
            batch.add(delivery)
        async for delivery in amqp.cancel(link):
            batch.add(delivery)
        for tag in batch.left:
            await amqp.give_back(link, tag)
        return batch.taken

    async def acknowledge(self, taken: list[Delivery], *, over: bool) -> None:
        """Say that these need not be kept any longer; with `over`, end the connection."""
        if self._link is not None:
            await amqp.acknowledge(self._link, taken[-1].tag)
        if over:
            await self.close()

    async def close(self) -> None:
        """End the connection in good order."""
        if self._link is not None:
            link, self._link = self._link, None
            await amqp.log_out(link)

    def abort(self) -> None:
        """Break the connection off: what was not acknowledged goes back."""
        if self._link is not None:
            self._link.wire[1].close()
            self._link = None

    async def _opened(self) -> Link:
        at = place(self._route)
        if at.queue and at.made and at.made.get("auto_delete") and not at.own:
            raise ValueError(
                "a queue that deletes itself is consumed here if it is exclusive alone"
            )
        async with linked(self._egress, self._route, self._policy, kept=True) as link:
            await _made(link, at)
            self._queue = at.queue or await _bound(link, at)
        return link


@dataclass(slots=True)
class _Batch:
    """What one activity may hold, and the tags of what it may not: that goes back, and all after it."""

    taken: list[Delivery] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    size: int = 0

    def add(self, delivery: Delivery) -> None:
        self.size += len(delivery.body)
        if self.left or (self.taken and self.size > BODY_BYTES_MAX):
            self.left.append(delivery.tag)
        else:
            self.taken.append(delivery)


@asynccontextmanager
async def linked(
    egress: Egress, route: Route, policy: dict[str, Any], *, kept: bool = False
) -> AsyncIterator[Link]:
    """Log in to a broker; the connection ends with the block, or with what fails in it when it is kept."""
    told = who(route, policy) or NOBODY
    wire = await wired(egress, route)
    done = False
    try:
        yield await amqp.log_in(wire, vhost(route), told)
        done = kept
    finally:
        if not done:
            wire[1].close()


async def _made(link: Link, at: Place) -> None:
    """Make the queue or the exchange if the broker does not have it and the document says how."""
    if at.made is None:
        return
    if at.own:
        await _declared(link, at, {**at.made, "auto_delete": False})  # it goes with its connection
        return
    try:
        await _declared(link, at, {"passive": True})
    except MissingError:
        await _declared(link, at, at.made)


async def _declared(link: Link, at: Place, how: dict[str, Any]) -> None:
    if at.queue is not None:
        await amqp.ask(link, Queue.Declare(queue=at.queue, **how), Queue.DeclareOk)
        return
    how = {name: value for name, value in how.items() if name != "exclusive"}
    asked = Exchange.Declare(exchange=at.exchange, exchange_type=at.kind, **how)
    await amqp.ask(link, asked, Exchange.DeclareOk)


async def _bound(link: Link, at: Place) -> str:
    """Make a queue of one's own, bind it to the exchange, and return its name."""
    queue = (await amqp.ask(link, Queue.Declare(exclusive=True), Queue.DeclareOk)).queue
    asked = Queue.Bind(queue=queue, exchange=at.exchange, routing_key=at.key)
    await amqp.ask(link, asked, Queue.BindOk)
    return str(queue)
