"""`call: a2a`: one JSON-RPC method of an Agent2Agent (A2A) server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.contracts.calls import CALL_A2A, A2aCall, RpcAnswer
from engine.interpreter.constructs import call_http
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.model import TaskResult

SECONDS_MAX = 300.0
STREAMING = ("message/stream", "tasks/resubscribe")
READ_METHODS = ("tasks/get", "tasks/list", "agent/getAuthenticatedExtendedCard")
_PUSH_NOTIFICATIONS = tuple(
    f"tasks/pushNotificationConfig/{verb}" for verb in ("set", "get", "list", "delete")
)
METHODS = ("message/send", *STREAMING, *READ_METHODS, "tasks/cancel", *_PUSH_NOTIFICATIONS)


@dataclass(frozen=True, slots=True)
class CallA2a:
    """Call of a method, with the endpoint of the A2A server or, with `has_card`, of its card."""

    endpoint: call_http.CallHttp
    has_card: bool
    method: str
    parameters: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the method's result; of a method that streams, all results in order.

        :raises FaultError: of kind runtime when the server answers an error, of kind communication
            when it cannot be reached.
        """
        call = A2aCall(
            http=self.endpoint.build_call(interpreter, data, scope, seconds=SECONDS_MAX),
            carded=self.has_card,
            method=self.method,
            parameters=self._complete_message(
                interpreter,
                call_http.fill_parameters(interpreter, self.parameters, data, scope),
            ),
        )
        answer: RpcAnswer = await interpreter.call(
            CALL_A2A,
            call,
            answer=RpcAnswer,
            seconds=SECONDS_MAX + 5,
            scope=scope,
            repeatable=self.method in READ_METHODS,
        )
        return TaskResult(answer.result)

    def _complete_message(
        self, interpreter: Interpreter, parameters: dict[str, Any]
    ) -> dict[str, Any]:
        """Add the id and the role that the message lacks (DSL reference, "A2A Call")."""
        message = parameters.get("message")
        if not self.method.startswith("message/") or not isinstance(message, dict):
            return parameters
        return {
            **parameters,
            "message": {"messageId": interpreter.environment.uuid(), "role": "user", **message},
        }


def read(node: DocumentNode) -> CallA2a:
    """Read the members of `with`; a card has precedence over a server, as in the specification."""
    node.allow_only("method", "agentCard", "server", "parameters")
    card, server, parameters = node.get("agentCard"), node.get("server"), node.get("parameters")
    if card is None and server is None:
        node.add_fault("needs one of agentCard, server")
    endpoint = call_http.NO_ENDPOINT
    for member in (
        server,
        card.allow_only("name", "endpoint").require("endpoint") if card else None,
    ):
        if member is not None:
            endpoint = call_http.CallHttp("POST", *call_http.read_endpoint(member))
    return CallA2a(
        endpoint=endpoint,
        has_card=card is not None,
        method=node.require("method").one_of(*METHODS),
        parameters=parameters.template_or_program() if parameters else None,
    )
