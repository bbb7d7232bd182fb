"""Subscriptions of `call: asyncapi`: consumption of messages, one at a time, until enough."""

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
from engine.language.document_node import DocumentNode
from engine.language.errors import fault
from engine.language.model import TaskResult
from engine.language.size_limits import DATA_BYTES_MAX

WAIT_SECONDS_MAX = 60.0  # of one activity, which then returns no messages; another one follows
BATCH_MAX = 100
AMOUNT_MAX = 10_000


class CallBuilder(Protocol):
    """Builder of the call that receives messages."""

    def build_call(self, interpreter: Interpreter, data: Any, scope: Scope) -> AsyncApiCall:
        """Return the operation to call."""
        ...


@dataclass(frozen=True, slots=True)
class Lifetime:
    """End of a subscription (DSL reference, "AsyncAPI Subscription Lifetime").

    `seconds` limits the others.
    """

    amount: int | None = None
    while_condition: Program | None = None
    until: Program | None = None
    seconds: float | Program | None = None

    @property
    def forever(self) -> bool:
        """Whether no message can end it."""
        condition = self.while_condition
        return isinstance(condition, Program) and condition.fast_path == Literal(value=True)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Subscription to messages, with the work on each.

    Its frame stores the end of its time (`due`), the subscription's name, the messages that wait
    (`waiting`), the first of them being at work, the count of the consumed ones and their outputs.
    """

    resumes: ClassVar = True
    operation: CallBuilder
    filter: Program | None
    lifetime: Lifetime
    iteration: Iteration

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the outputs of the messages in order.

        :raises FaultError: of kind configuration when the document has no such operation, otherwise
            by what failed.
        """
        state = scope.frame.state
        if "outputs" not in state:
            limit = self.lifetime.seconds
            seconds = interpreter.seconds(limit, data, scope) if limit else None
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
                self._is_over(interpreter, scope)
                or not await self._receive(interpreter, data, scope)
            ):
                return TaskResult(state["outputs"])
            await self._consume(interpreter, scope)
            state["waiting"], state["taken"] = state["waiting"][1:], False
            await interpreter.quiescence.safe_point(scope.frame)

    def _is_over(self, interpreter: Interpreter, scope: Scope) -> bool:
        """Return whether the lifetime has ended, whatever arrives."""
        state, within = scope.frame.state, scope.with_variables(context=interpreter.context)
        if state["over"] or (
            self.lifetime.amount is not None and state["count"] >= self.lifetime.amount
        ):
            return True
        return self.lifetime.until is not None and interpreter.is_true(
            self.lifetime.until, state["outputs"], within
        )

    async def _receive(self, interpreter: Interpreter, data: Any, scope: Scope) -> bool:
        """Wait for messages; return whether there is one before the time is over."""
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
                self.operation.build_call(interpreter, data, scope),
                timeout_seconds=min(rest, WAIT_SECONDS_MAX),
                subscription=state["name"],
                count_max=BATCH_MAX if amount is None else min(BATCH_MAX, amount - state["count"]),
                linger=every and amount is not None and amount - state["count"] <= BATCH_MAX,
                every=every,
            )
            batch: ConsumedMessages = await interpreter.call(
                CONSUME_MESSAGES,
                call,
                answer=ConsumedMessages,
                seconds=call.timeout_seconds + call.document.timeout_seconds + 5,
                scope=scope,
                repeatable=True,
            )
            state["waiting"], state["ended"] = batch.messages, batch.ended
            if not batch.messages and not batch.ended:
                await interpreter.quiescence.safe_point(scope.frame)
        return True

    async def _consume(self, interpreter: Interpreter, scope: Scope) -> None:
        """Work on the first message that waits, if the filter admits it."""
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
            condition = self.lifetime.while_condition
            within = scope.with_variables(context=interpreter.context)
            state["over"] = condition is not None and not interpreter.is_true(
                condition, state["outputs"], within
            )


def read(node: DocumentNode, operation: CallBuilder) -> Subscribe:
    """Read a subscription."""
    node.allow_only("filter", "consume", "foreach")
    condition, foreach = node.get("filter"), node.get("foreach")
    return Subscribe(
        operation=operation,
        filter=condition.program() if condition else None,
        lifetime=_read_lifetime(node.require("consume")),
        iteration=read_iteration(foreach) if foreach else Iteration(),
    )


def _read_lifetime(node: DocumentNode) -> Lifetime:
    member = node.one_member("amount", "while", "until", beside=("for",))
    limit = node.get("for")
    seconds = limit.duration() if limit else None
    if member is None:
        return Lifetime(amount=1)
    kind, value_node = member
    if kind != "amount":
        condition = value_node.program()
        return Lifetime(
            while_condition=condition if kind == "while" else None,
            until=condition if kind == "until" else None,
            seconds=seconds,
        )
    if (
        isinstance(value_node.value, int)
        and not isinstance(value_node.value, bool)
        and 0 < value_node.value <= AMOUNT_MAX
    ):
        return Lifetime(amount=value_node.value, seconds=seconds)
    value_node.add_fault(f"must be a number from 1 to {AMOUNT_MAX}")
    return Lifetime(amount=1)
