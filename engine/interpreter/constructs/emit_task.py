"""`emit`: a CloudEvent (specification 1.0.2) to all listeners of the account."""

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
from engine.language.document_node import DocumentNode
from engine.language.errors import fault
from engine.language.model import TaskResult
from engine.language.uri_templates import expand

KEYS = ("emit",)
EVENT_BYTES_MAX = 262_144


@dataclass(frozen=True, slots=True)
class Emit:
    """Construct that emits an event; its attributes are a template."""

    attributes: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Emit the event and return it, with the attributes that the definition leaves out.

        Source: DSL reference, "Event Properties".

        :raises FaultError: of kind validation, when the attributes make no CloudEvent; of kind
            runtime, when the event is larger than EVENT_BYTES_MAX.
        """
        attributes = interpreter.redaction.redact(interpreter.fill(self.attributes, data, scope))
        for name in URIS:
            literal = self.attributes.get(name)
            if isinstance(literal, str):
                attributes[name] = expand(literal, data)
        event = {
            "specversion": "1.0",
            "id": interpreter.environment.uuid(),
            "time": date_time(interpreter.environment.now())["iso8601"],
            "source": interpreter.lifecycle_events.subject.source,
            **attributes,
        }
        problem = cloud_events.find_fault(event)
        if problem is not None:
            raise fault("validation", f"the event's {problem[0]} {problem[1]}")
        if len(orjson.dumps(event)) > EVENT_BYTES_MAX:
            raise fault("runtime", f"an event may have {EVENT_BYTES_MAX} bytes")
        interpreter.event_outbox.add(event)
        return TaskResult(event)


def read(node: DocumentNode) -> Emit:
    """Read the task's own keys."""
    attributes = (
        node.require("emit").allow_only("event").require("event").allow_only("with").require("with")
    )
    attributes.require("type").text()
    for name, value in attributes.members().items():
        is_expression = isinstance(value, str) and unwrap(value) is not None
        check = (
            cloud_events.check_name(str(name))
            if is_expression
            else cloud_events.check_member(str(name), value)
        )
        if check is not None:
            attributes.child(name, value).add_fault(check)
    return Emit(attributes.template())
