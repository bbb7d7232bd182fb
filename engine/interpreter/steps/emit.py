"""`emit`: a CloudEvent (specification 1.0.2), complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.interpreter.definition import Outcome
from engine.interpreter.node import Node
from engine.interpreter.redaction import redacted
from engine.interpreter.walk import Scope, Walk
from engine.interpreter.world import moment

KEYS = ("emit",)


@dataclass(frozen=True, slots=True)
class Emit:
    """The event's attributes, a template."""

    attributes: Any

    async def run(self, walk: Walk, data: Any, scope: Scope) -> Outcome:
        """Give the event; what it does not say itself is filled in."""
        given = redacted(walk.fill(self.attributes, data, scope), walk.secrets)
        return Outcome(
            {
                "specversion": "1.0",
                "id": walk.world.uuid(),
                "time": moment(walk.world.now())["iso8601"],
                "source": f"urn:uuid:{walk.execution_id}",
                **given,
            }
        )


def read(node: Node) -> Emit:
    """Read the step's own keys."""
    attributes = node.need("emit").only("event").need("event").only("with").need("with")
    attributes.members()
    attributes.need("type").text()
    return Emit(attributes.template())
