"""`listen`: events of the account, consumed one after the other until there are enough of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from engine.interpreter import cloud_events, strategies
from engine.interpreter.definition import Outcome, Shaping, Step
from engine.interpreter.faults import fault
from engine.interpreter.node import Node
from engine.interpreter.shapings import read_shaping
from engine.interpreter.sizes import DATA_BYTES_MAX
from engine.interpreter.steps.loop import ITERATIONS_MAX, read_variable
from engine.interpreter.strategies import Standing, Strategy
from engine.interpreter.walk import Scope, Walk

KEYS = ("listen", "foreach")
NOTHING = Shaping()


@dataclass(frozen=True, slots=True)
class Iteration:
    """What is done with each event before the next one is looked at (DSL reference, "Subscription Iterator").

    The steps' input is the event as it is read; what the last one gives is the item's output. Without steps
    it is the event itself.
    """

    item: str = "item"
    at: str = "index"
    steps: Sequence[Step] = ()
    output: Shaping = NOTHING
    export: Shaping = NOTHING

    async def run(self, walk: Walk, event: Any, index: int, scope: Scope) -> Any:
        """Return the item's output."""
        within = scope.knowing(**{self.item: event, self.at: index}, context=walk.context)
        data = await walk.list(self.steps, event, within) if self.steps else event
        within = within.knowing(context=walk.context)
        output = walk.shape_out(self.output, data, within)
        if self.export.template is not None:
            walk.context = walk.shape_out(self.export, output, within.knowing(output=output))
        return output


@dataclass(frozen=True, slots=True)
class Listen:
    """Which events, and what becomes of each."""

    strategy: Strategy
    reads: str
    iteration: Iteration

    async def run(self, walk: Walk, data: Any, scope: Scope) -> Outcome:
        """Give what has been consumed, in its order; what an `until` consumes is not in it."""
        standing = Standing()
        if self.strategy.correlates:
            walk.herald.correlating()
        with walk.inbox.listening():
            outputs = await self._consumed(walk, data, scope, standing)
        if self.strategy.correlates:
            walk.herald.correlated(standing.correlated)
        return Outcome(outputs)

    async def _consumed(self, walk: Walk, data: Any, scope: Scope, standing: Standing) -> list[Any]:
        count = size = 0
        while True:
            within = scope.knowing(context=walk.context)
            event = await self.strategy.next(walk, data, within, standing)
            if event is None:
                return standing.outputs
            output = await self.iteration.run(walk, cloud_events.read(event, self.reads), count, scope)
            count += 1
            if self.strategy.forever:
                continue
            size += len(orjson.dumps(output))
            if size > DATA_BYTES_MAX or count > ITERATIONS_MAX:
                raise fault(
                    "runtime", f"a listen may consume {ITERATIONS_MAX} events, {DATA_BYTES_MAX} bytes"
                )
            standing.outputs.append(output)
            self.strategy.conclude(walk, scope.knowing(context=walk.context), standing)


def read(node: Node) -> Listen:
    """Read the step's own keys."""
    listen = node.need("listen").only("to", "read")
    reads, foreach = listen.get("read"), node.get("foreach")
    return Listen(
        strategy=strategies.read(listen.need("to")),
        reads=reads.one_of(*cloud_events.READS) if reads else "data",
        iteration=_read_iteration(foreach) if foreach else Iteration(),
    )


def _read_iteration(node: Node) -> Iteration:
    node.only("item", "at", "do", "output", "export")
    item, at = read_variable(node, "item", "item"), read_variable(node, "at", "index")
    within = node.knowing(item, at)
    below = within.get("do")
    return Iteration(
        item=item,
        at=at,
        steps=below.read_steps(below) if below else (),
        output=read_shaping(within, "output", "as"),
        export=read_shaping(within, "export", "as"),
    )
