"""`emit`: a CloudEvent (specification 1.0.2), complete, and handed to all who listen in the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from engine.expressions.jq import unwrap
from engine.interpreter.constructs.event_filters import URIS
from engine.interpreter.runtime.environment import date_time
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import cloud_events
from engine.language.errors import fault
from engine.language.model import TaskResult
from engine.language.reader import DocumentNode
from engine.language.uri_templates import expand

KEYS = ("emit",)
EVENT_BYTES_MAX = 262_144


@dataclass(frozen=True, slots=True)
class Emit:
    """The event's attributes, a template."""

    attributes: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give the event; what it does not say itself is filled in (DSL reference, "Event Properties").

        :raises FaultError: of kind validation, when what the expressions gave makes no CloudEvent; of kind
            runtime, when it is larger than an event may be.
        """
        given = interpreter.redaction.redact(interpreter.fill(self.attributes, data, scope))
        for name in URIS:
            literal = self.attributes.get(name)
            if isinstance(literal, str):
                given[name] = expand(literal, data)
        event = {
            "specversion": "1.0",
            "id": interpreter.environment.uuid(),
            "time": date_time(interpreter.environment.now())["iso8601"],
            "source": interpreter.lifecycle_events.subject.source,
            **given,
        }
        wrong = cloud_events.find_fault(event)
        if wrong is not None:
            raise fault("validation", f"the event's {wrong[0]} {wrong[1]}")
        if len(orjson.dumps(event)) > EVENT_BYTES_MAX:
            raise fault("runtime", f"an event may have {EVENT_BYTES_MAX} bytes")
        interpreter.event_outbox.add(event)
        return TaskResult(event)


def read(node: DocumentNode) -> Emit:
    """Read the step's own keys."""
    attributes = (
        node.require("emit").allow_only("event").require("event").allow_only("with").require("with")
    )
    attributes.require("type").text()
    for name, value in attributes.members().items():
        evaluated = isinstance(value, str) and unwrap(value) is not None
        check = (
            cloud_events.check_name(str(name))
            if evaluated
            else cloud_events.check_member(str(name), value)
        )
        if check is not None:
            attributes.child(name, value).add_fault(check)
    return Emit(attributes.template())
