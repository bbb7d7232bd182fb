"""`call: asyncapi`: messages to and from a service that an AsyncAPI document describes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.contracts.calls import PUBLISH_MESSAGE, AsyncApiCall
from engine.interpreter.constructs import authentication_policies, call_http, subscribe_asyncapi
from engine.interpreter.constructs.placeholder import Placeholder
from engine.interpreter.runtime.interpreter import Construct, Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import unsupported
from engine.language.document_node import DocumentNode
from engine.language.errors import fault
from engine.language.model import TaskResult

SECONDS_MAX = 30.0
PROTOCOLS = ("amqp", "http", "mqtt", "redis")
UNSUPPORTED_PROTOCOLS = (
    *("amqp1", "anypointmq", "googlepubsub", "ibmmq", "jms", "kafka", "mercure", "mqtt5", "nats"),
    *("pulsar", "sns", "solace", "sqs", "stomp", "ws"),
)


@dataclass(frozen=True, slots=True)
class AsyncApiOperation:
    """Operation or channel of an AsyncAPI document, and the server to use."""

    document: call_http.CallHttp
    operation: str | None
    channel: str | None
    server: str | None
    variables: Any
    protocol: str | None
    authentication: Any

    def build_call(self, interpreter: Interpreter, data: Any, scope: Scope) -> AsyncApiCall:
        """Return the call of the operation, with its credentials and its time limit.

        :raises FaultError: of kind expression, when an expression gives what cannot be sent.
        """
        document = self.document.build_call(interpreter, data, scope, seconds=SECONDS_MAX)
        return AsyncApiCall(
            document=replace(document, redirect=True),
            operation=self.operation,
            channel=self.channel,
            server=self.server,
            protocol=self.protocol,
            variables=call_http.fill_parameters(interpreter, self.variables, data, scope),
            authentication=interpreter.fill(self.authentication, data, scope),
            timeout_seconds=SECONDS_MAX,
        )


@dataclass(frozen=True, slots=True)
class Publish:
    """Construct that publishes one message by an operation."""

    operation: AsyncApiOperation
    message: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Publish the message and return it.

        :raises FaultError: of kind configuration when the document has no such operation, of kind
            validation when the message does not match the document, otherwise by what failed.
        """
        message = interpreter.fill(self.message, data, scope)
        if not isinstance(message.get("headers", {}), dict):
            raise fault("expression", "the headers of a message must be an object")
        call = replace(self.operation.build_call(interpreter, data, scope), message=message)
        seconds = 2 * SECONDS_MAX + 5
        await interpreter.call(
            PUBLISH_MESSAGE, call, answer=type(None), seconds=seconds, scope=scope
        )
        return TaskResult(message)


def read(node: DocumentNode) -> Construct:
    """Read the members of `with`."""
    others = ("document", "server", "protocol", "authentication")
    node.allow_only("operation", "channel", "message", "subscription", *others)
    operation = _read_operation(node)
    member = node.one_member("message", "subscription", beside=("operation", "channel", *others))
    if member is None:
        return Placeholder()
    kind, value = member
    if kind == "subscription":
        return subscribe_asyncapi.read(value, operation)
    value.allow_only("payload", "headers")
    return Publish(
        operation,
        {key: value.child(key, template).template() for key, template in value.members().items()},
    )


def _read_operation(node: DocumentNode) -> AsyncApiOperation:
    document = node.require("document").allow_only("name", "endpoint").require("endpoint")
    keys = [key for key in ("operation", "channel") if node.has(key)]
    if len(keys) != 1:
        node.add_fault("must have exactly one of operation, channel")
    name = node.require(keys[0]).text() if keys else ""
    server, protocol, policy = node.get("server"), node.get("protocol"), node.get("authentication")
    variables = server.allow_only("name", "variables").get("variables") if server else None
    return AsyncApiOperation(
        document=call_http.CallHttp("GET", *call_http.read_endpoint(document)),
        operation=name if "operation" in keys else None,
        channel=name if "operation" not in keys else None,
        server=server.require("name").text() if server else None,
        variables=variables.template_or_program() if variables else None,
        protocol=_read_protocol(protocol) if protocol else None,
        authentication=authentication_policies.read(policy) if policy else None,
    )


def _read_protocol(node: DocumentNode) -> str:
    protocol = node.one_of(*PROTOCOLS, *UNSUPPORTED_PROTOCOLS)
    if protocol in UNSUPPORTED_PROTOCOLS:
        unsupported.refuse(node, "call.asyncapi.protocol")
    return protocol
