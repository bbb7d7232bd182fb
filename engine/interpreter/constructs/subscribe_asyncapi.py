"""Subscriptions of `call: asyncapi`: messages consumed one after the other until there are enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import orjson

from engine.contracts.calls import CONSUME_MESSAGES, AsyncApiCall, ConsumedMessages
from engine.expressions.fast_path import Literal
from engine.expressions.jq import Program
from engine.interpreter.constructs.for_task import ITERATIONS_MAX
from engine.interpreter.constructs.listen_task import Iteration, read_iteration
from engine.interpreter.runtime.interpreter import Walk
from engine.interpreter.runtime.scope import Scope
from engine.language.errors import fault
from engine.language.model import Outcome
from engine.language.reader import Node
from engine.language.size_limits import DATA_BYTES_MAX

WAIT_SECONDS_MAX = 60.0  # then an activity comes back without messages, and another one goes
BATCH_MAX = 100
AMOUNT_MAX = 10_000


class Addressed(Protocol):
    """What knows where to subscribe."""

    def addressed(self, walk: Walk, data: Any, scope: Scope) -> AsyncApiCall:
        """Return the operation to call."""
        ...


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long to consume (DSL reference, "AsyncAPI Subscription Lifetime"); `seconds` bounds the rest."""

    amount: int | None = None
    going: Program | None = None  # while
    until: Program | None = None
    seconds: float | Program | None = None

    @property
    def forever(self) -> bool:
        """Whether nothing that is consumed can end it."""
        return isinstance(self.going, Program) and self.going.native == Literal(value=True)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Which messages, for how long, and what becomes of each.

    Its frame keeps when it is over (`due`), the name of the subscription, the messages that have come
    (`waiting`), the one that is worked on first, how many were consumed and what they gave.
    """

    resumes: ClassVar = True
    at: Addressed
    filter: Program | None
    lifetime: Lifetime
    iteration: Iteration

    async def run(self, walk: Walk, data: Any, scope: Scope) -> Outcome:
        """Give what has been consumed, in its order.

        :raises FaultError: of kind configuration when the document has no such operation, and otherwise by
            what failed.
        """
        kept = scope.frame.kept
        if "outputs" not in kept:
            asked = self.lifetime.seconds
            seconds = walk.seconds(asked, data, scope) if asked else None
            kept |= {"due": None if seconds is None else walk.world.now().timestamp() + seconds}
            kept |= {
                "name": walk.world.uuid(),
                "waiting": [],
                "ended": False,
                "over": False,
                "taken": False,
            }
            kept |= {"count": 0, "size": 0, "outputs": []}
        while True:
            if not kept["taken"] and (
                self._enough(walk, scope) or not await self._come(walk, data, scope)
            ):
                return Outcome(kept["outputs"])
            await self._consume(walk, scope)
            kept["waiting"], kept["taken"] = kept["waiting"][1:], False
            await walk.rests.safe_point(scope.frame)

    def _enough(self, walk: Walk, scope: Scope) -> bool:
        """Tell whether no more is to be consumed, whatever comes."""
        kept, within = scope.frame.kept, scope.knowing(context=walk.context)
        if kept["over"] or (
            self.lifetime.amount is not None and kept["count"] >= self.lifetime.amount
        ):
            return True
        return self.lifetime.until is not None and walk.holds(
            self.lifetime.until, kept["outputs"], within
        )

    async def _come(self, walk: Walk, data: Any, scope: Scope) -> bool:
        """Wait until a message is there; tell whether there is one before the time is over."""
        kept = scope.frame.kept
        while not kept["waiting"]:
            rest = (
                WAIT_SECONDS_MAX
                if kept["due"] is None
                else kept["due"] - walk.world.now().timestamp()
            )
            if rest <= 0 or kept["ended"]:
                return False
            amount = self.lifetime.amount if self.filter is None else None
            every = amount is not None and not self.iteration.steps
            call = replace(
                self.at.addressed(walk, data, scope),
                timeout_seconds=min(rest, WAIT_SECONDS_MAX),
                subscription=kept["name"],
                count_max=BATCH_MAX if amount is None else min(BATCH_MAX, amount - kept["count"]),
                linger=every and amount is not None and amount - kept["count"] <= BATCH_MAX,
                every=every,
            )
            found: ConsumedMessages = await walk.call(
                CONSUME_MESSAGES,
                call,
                answer=ConsumedMessages,
                seconds=call.timeout_seconds + call.document.timeout_seconds + 5,
                scope=scope,
                repeatable=True,
            )
            kept["waiting"], kept["ended"] = found.messages, found.ended
            if not found.messages and not found.ended:
                await walk.rests.safe_point(scope.frame)
        return True

    async def _consume(self, walk: Walk, scope: Scope) -> None:
        """Work on the first of the messages that wait, if it is one of those wanted."""
        kept, message = scope.frame.kept, scope.frame.kept["waiting"][0]
        within = scope.knowing(context=walk.context)
        if not kept["taken"]:
            await walk.pace.look()
            if self.filter is not None and not walk.holds(self.filter, message, within):
                return
            kept["taken"] = True
        output = await self.iteration.run(walk, message, kept["count"], scope)
        kept["count"] += 1
        if not self.lifetime.forever:
            kept["size"] += len(orjson.dumps(output))
            if kept["size"] > DATA_BYTES_MAX or kept["count"] > ITERATIONS_MAX:
                limit = f"{ITERATIONS_MAX} messages, {DATA_BYTES_MAX} bytes"
                raise fault("runtime", f"a subscription may consume {limit}")
            kept["outputs"] = [*kept["outputs"], output]
            going, within = self.lifetime.going, scope.knowing(context=walk.context)
            kept["over"] = going is not None and not walk.holds(going, kept["outputs"], within)


def read(node: Node, at: Addressed) -> Subscribe:
    """Read a subscription."""
    node.only("filter", "consume", "foreach")
    wanted, foreach = node.get("filter"), node.get("foreach")
    return Subscribe(
        at=at,
        filter=wanted.program() if wanted else None,
        lifetime=_read_lifetime(node.need("consume")),
        iteration=read_iteration(foreach) if foreach else Iteration(),
    )


def _read_lifetime(node: Node) -> Lifetime:
    found = node.one_member("amount", "while", "until", beside=("for",))
    limit = node.get("for")
    seconds = limit.duration() if limit else None
    if found is None:
        return Lifetime(amount=1)
    kind, below = found
    if kind != "amount":
        asked = below.program()
        return Lifetime(
            going=asked if kind == "while" else None,
            until=asked if kind == "until" else None,
            seconds=seconds,
        )
    if (
        isinstance(below.value, int)
        and not isinstance(below.value, bool)
        and 0 < below.value <= AMOUNT_MAX
    ):
        return Lifetime(amount=below.value, seconds=seconds)
    below.fault(f"must be a number from 1 to {AMOUNT_MAX}")
    return Lifetime(amount=1)
