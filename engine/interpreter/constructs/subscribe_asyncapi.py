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
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.errors import fault
from engine.language.model import TaskResult
from engine.language.reader import DocumentNode
from engine.language.size_limits import DATA_BYTES_MAX

WAIT_SECONDS_MAX = 60.0  # then an activity comes back without messages, and another one goes
BATCH_MAX = 100
AMOUNT_MAX = 10_000


class Addressed(Protocol):
    """What knows where to subscribe."""

    def addressed(self, interpreter: Interpreter, data: Any, scope: Scope) -> AsyncApiCall:
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
        return isinstance(self.going, Program) and self.going.fast_path == Literal(value=True)


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

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give what has been consumed, in its order.

        :raises FaultError: of kind configuration when the document has no such operation, and otherwise by
            what failed.
        """
        state = scope.frame.state
        if "outputs" not in state:
            asked = self.lifetime.seconds
            seconds = interpreter.seconds(asked, data, scope) if asked else None
            state |= {
                "due": None
                if seconds is None
                else interpreter.environment.now().timestamp() + seconds
            }
            state |= {
                "name": interpreter.environment.uuid(),
                "waiting": [],
                "ended": False,
                "over": False,
                "taken": False,
            }
            state |= {"count": 0, "size": 0, "outputs": []}
        while True:
            if not state["taken"] and (
                self._enough(interpreter, scope) or not await self._come(interpreter, data, scope)
            ):
                return TaskResult(state["outputs"])
            await self._consume(interpreter, scope)
            state["waiting"], state["taken"] = state["waiting"][1:], False
            await interpreter.quiescence.safe_point(scope.frame)

    def _enough(self, interpreter: Interpreter, scope: Scope) -> bool:
        """Tell whether no more is to be consumed, whatever comes."""
        state, within = scope.frame.state, scope.with_variables(context=interpreter.context)
        if state["over"] or (
            self.lifetime.amount is not None and state["count"] >= self.lifetime.amount
        ):
            return True
        return self.lifetime.until is not None and interpreter.is_true(
            self.lifetime.until, state["outputs"], within
        )

    async def _come(self, interpreter: Interpreter, data: Any, scope: Scope) -> bool:
        """Wait until a message is there; tell whether there is one before the time is over."""
        state = scope.frame.state
        while not state["waiting"]:
            rest = (
                WAIT_SECONDS_MAX
                if state["due"] is None
                else state["due"] - interpreter.environment.now().timestamp()
            )
            if rest <= 0 or state["ended"]:
                return False
            amount = self.lifetime.amount if self.filter is None else None
            every = amount is not None and not self.iteration.tasks
            call = replace(
                self.at.addressed(interpreter, data, scope),
                timeout_seconds=min(rest, WAIT_SECONDS_MAX),
                subscription=state["name"],
                count_max=BATCH_MAX if amount is None else min(BATCH_MAX, amount - state["count"]),
                linger=every and amount is not None and amount - state["count"] <= BATCH_MAX,
                every=every,
            )
            found: ConsumedMessages = await interpreter.call(
                CONSUME_MESSAGES,
                call,
                answer=ConsumedMessages,
                seconds=call.timeout_seconds + call.document.timeout_seconds + 5,
                scope=scope,
                repeatable=True,
            )
            state["waiting"], state["ended"] = found.messages, found.ended
            if not found.messages and not found.ended:
                await interpreter.quiescence.safe_point(scope.frame)
        return True

    async def _consume(self, interpreter: Interpreter, scope: Scope) -> None:
        """Work on the first of the messages that wait, if it is one of those wanted."""
        state, message = scope.frame.state, scope.frame.state["waiting"][0]
        within = scope.with_variables(context=interpreter.context)
        if not state["taken"]:
            await interpreter.budget.yield_after_filters()
            if self.filter is not None and not interpreter.is_true(self.filter, message, within):
                return
            state["taken"] = True
        output = await self.iteration.run(interpreter, message, state["count"], scope)
        state["count"] += 1
        if not self.lifetime.forever:
            state["size"] += len(orjson.dumps(output))
            if state["size"] > DATA_BYTES_MAX or state["count"] > ITERATIONS_MAX:
                limit = f"{ITERATIONS_MAX} messages, {DATA_BYTES_MAX} bytes"
                raise fault("runtime", f"a subscription may consume {limit}")
            state["outputs"] = [*state["outputs"], output]
            going, within = self.lifetime.going, scope.with_variables(context=interpreter.context)
            state["over"] = going is not None and not interpreter.is_true(
                going, state["outputs"], within
            )


def read(node: DocumentNode, at: Addressed) -> Subscribe:
    """Read a subscription."""
    node.allow_only("filter", "consume", "foreach")
    wanted, foreach = node.get("filter"), node.get("foreach")
    return Subscribe(
        at=at,
        filter=wanted.program() if wanted else None,
        lifetime=_read_lifetime(node.require("consume")),
        iteration=read_iteration(foreach) if foreach else Iteration(),
    )


def _read_lifetime(node: DocumentNode) -> Lifetime:
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
    below.add_fault(f"must be a number from 1 to {AMOUNT_MAX}")
    return Lifetime(amount=1)
