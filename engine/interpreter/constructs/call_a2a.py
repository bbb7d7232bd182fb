"""`call: a2a`: one JSON-RPC method of an agent (Agent2Agent protocol)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.contracts.calls import CALL_A2A, A2aCall, RpcAnswer
from engine.interpreter.constructs import call_http
from engine.interpreter.constructs.call_mcp import filled
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.model import TaskResult
from engine.language.reader import DocumentNode

SECONDS_MAX = 300.0
STREAMING = ("message/stream", "tasks/resubscribe")
READING = ("tasks/get", "tasks/list", "agent/getAuthenticatedExtendedCard")
_NOTICES = tuple(
    f"tasks/pushNotificationConfig/{verb}" for verb in ("set", "get", "list", "delete")
)
METHODS = ("message/send", *STREAMING, *READING, "tasks/cancel", *_NOTICES)


@dataclass(frozen=True, slots=True)
class CallA2a:
    """Where the agent or its card is, which method, and its parameters."""

    at: call_http.CallHttp
    carded: bool
    method: str
    parameters: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give the method's result; of one that streams, all of them in order.

        :raises FaultError: of kind runtime when the agent refuses, communication when there is none.
        """
        call = A2aCall(
            http=self.at.addressed(interpreter, data, scope, seconds=SECONDS_MAX),
            carded=self.carded,
            method=self.method,
            parameters=self._completed(
                interpreter, filled(interpreter, self.parameters, data, scope)
            ),
        )
        answer: RpcAnswer = await interpreter.call(
            CALL_A2A,
            call,
            answer=RpcAnswer,
            seconds=SECONDS_MAX + 5,
            scope=scope,
            repeatable=self.method in READING,
        )
        return TaskResult(answer.result)

    def _completed(self, interpreter: Interpreter, parameters: dict[str, Any]) -> dict[str, Any]:
        """Give a message the id and the role it lacks (DSL reference, "A2A Call")."""
        message = parameters.get("message")
        if not self.method.startswith("message/") or not isinstance(message, dict):
            return parameters
        return {
            **parameters,
            "message": {"messageId": interpreter.environment.uuid(), "role": "user", **message},
        }


def read(node: DocumentNode) -> CallA2a:
    """Read the members of `with`; a card goes before a server, as the specification has it."""
    node.allow_only("method", "agentCard", "server", "parameters")
    card, server, parameters = node.get("agentCard"), node.get("server"), node.get("parameters")
    if card is None and server is None:
        node.add_fault("needs one of agentCard, server")
    at = call_http.NOWHERE
    for found in (
        server,
        card.allow_only("name", "endpoint").require("endpoint") if card else None,
    ):
        if found is not None:
            at = call_http.CallHttp("POST", *call_http.read_endpoint(found))
    return CallA2a(
        at=at,
        carded=card is not None,
        method=node.require("method").one_of(*METHODS),
        parameters=parameters.template_or_program() if parameters else None,
    )
