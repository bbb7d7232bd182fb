"""`call: asyncapi`: a message to or from a service that an AsyncAPI document describes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.contracts.calls import PUBLISH_MESSAGE, AsyncApiCall
from engine.interpreter.constructs import authentication_policies, call_http, subscribe_asyncapi
from engine.interpreter.constructs.call_mcp import filled
from engine.interpreter.runtime.interpreter import Construct, Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import unsupported
from engine.language.errors import fault
from engine.language.model import TaskResult
from engine.language.reader import DocumentNode

SECONDS_MAX = 30.0
SPOKEN = ("amqp", "http", "mqtt", "redis")
NOT_SPOKEN = (
    *("amqp1", "anypointmq", "googlepubsub", "ibmmq", "jms", "kafka", "mercure", "mqtt5", "nats"),
    *("pulsar", "sns", "solace", "sqs", "stomp", "ws"),
)


@dataclass(frozen=True, slots=True)
class Operation:
    """Where the document is, which of its operations, and on which of its servers."""

    document: call_http.CallHttp
    operation: str | None
    channel: str | None
    server: str | None
    variables: Any
    protocol: str | None
    authentication: Any

    def addressed(self, interpreter: Interpreter, data: Any, scope: Scope) -> AsyncApiCall:
        """Return the operation to call, as whom and for how long at most.

        :raises FaultError: of kind expression, when an expression gives what cannot be sent.
        """
        document = self.document.addressed(interpreter, data, scope, seconds=SECONDS_MAX)
        return AsyncApiCall(
            document=replace(document, redirect=True),
            operation=self.operation,
            channel=self.channel,
            server=self.server,
            protocol=self.protocol,
            variables=filled(interpreter, self.variables, data, scope),
            authentication=interpreter.fill(self.authentication, data, scope),
            timeout_seconds=SECONDS_MAX,
        )


@dataclass(frozen=True, slots=True)
class Publish:
    """An operation, and the message it is called with."""

    at: Operation
    message: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give the message that was published.

        :raises FaultError: of kind configuration when the document has no such operation, validation when
            the message is not what it describes, and otherwise by what failed.
        """
        message = interpreter.fill(self.message, data, scope)
        if not isinstance(message.get("headers", {}), dict):
            raise fault("expression", "the headers of a message must be an object")
        call = replace(self.at.addressed(interpreter, data, scope), message=message)
        seconds = 2 * SECONDS_MAX + 5
        await interpreter.call(
            PUBLISH_MESSAGE, call, answer=type(None), seconds=seconds, scope=scope
        )
        return TaskResult(message)


def read(node: DocumentNode) -> Construct:
    """Read the members of `with`."""
    rest = ("document", "server", "protocol", "authentication")
    node.allow_only("operation", "channel", "message", "subscription", *rest)
    at = _read_operation(node)
    found = node.one_member("message", "subscription", beside=("operation", "channel", *rest))
    if found is None:
        return call_http.NOWHERE
    what, below = found
    if what == "subscription":
        return subscribe_asyncapi.read(below, at)
    below.allow_only("payload", "headers")
    return Publish(
        at, {key: below.child(key, value).template() for key, value in below.members().items()}
    )


def _read_operation(node: DocumentNode) -> Operation:
    document = node.require("document").allow_only("name", "endpoint").require("endpoint")
    named = [key for key in ("operation", "channel") if node.has(key)]
    if len(named) != 1:
        node.add_fault("must have exactly one of operation, channel")
    name = node.require(named[0]).text() if named else ""
    server, protocol, policy = node.get("server"), node.get("protocol"), node.get("authentication")
    variables = server.allow_only("name", "variables").get("variables") if server else None
    return Operation(
        document=call_http.CallHttp("GET", *call_http.read_endpoint(document)),
        operation=name if "operation" in named else None,
        channel=name if "operation" not in named else None,
        server=server.require("name").text() if server else None,
        variables=variables.template_or_program() if variables else None,
        protocol=_read_protocol(protocol) if protocol else None,
        authentication=authentication_policies.read(policy) if policy else None,
    )


def _read_protocol(node: DocumentNode) -> str:
    protocol = node.one_of(*SPOKEN, *NOT_SPOKEN)
    if protocol in NOT_SPOKEN:
        unsupported.refuse(node, "call.asyncapi.protocol")
    return protocol
