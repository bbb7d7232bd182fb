"""Arguments and results of the activities that call MCP, A2A, gRPC and AsyncAPI services."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contracts.executions import HttpCall, Json

CALL_MCP = "call_mcp"  # activity: McpCall → RpcAnswer
CALL_A2A = "call_a2a"  # activity: A2aCall → RpcAnswer
CALL_GRPC = "call_grpc"  # activity: GrpcCall → RpcAnswer
PUBLISH_MESSAGE = "publish_message"  # activity: AsyncApiCall → None
CONSUME_MESSAGES = "consume_messages"  # activity: AsyncApiCall → ConsumedMessages


@dataclass(frozen=True, slots=True)
class McpCall:
    """Call of a method of an MCP server over streamable HTTP.

    `http` has the address, the credentials and the time limit.
    """

    http: HttpCall
    method: str
    parameters: dict[str, Json]
    protocol_version: str
    client: dict[str, str]  # name, version


@dataclass(frozen=True, slots=True)
class A2aCall:
    """Call of a method of an A2A server; `http` is the address of its card when `carded`."""

    http: HttpCall
    carded: bool
    method: str
    parameters: dict[str, Json]


@dataclass(frozen=True, slots=True)
class GrpcCall:
    """Call of a method of a gRPC service, with the address of its proto."""

    proto: HttpCall
    service: str
    host: str
    port: int
    method: str
    arguments: dict[str, Json]
    authentication: dict[str, Json] | None = None
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class AsyncApiCall:
    """Call of an operation that an AsyncAPI document describes, with the document's address."""

    document: HttpCall
    operation: str | None
    channel: str | None
    server: str | None
    protocol: str | None
    variables: dict[str, Json]
    authentication: dict[str, Json] | None
    timeout_seconds: float
    message: dict[str, Json] | None = None  # payload, headers; None to receive messages
    subscription: str = ""  # name of one that stays open from one call to the next
    count_max: int = 0  # of messages in the batch
    linger: bool = False  # whether to wait for count_max messages, and not only for the first
    # Whether every message counts; otherwise a broker with acknowledgements delivers one at a time.
    every: bool = False


@dataclass(frozen=True, slots=True)
class ConsumedMessages:
    """Messages in the order of arrival; `ended` when no others can follow.

    A message has the members payload, headers and correlationId.
    """

    messages: list[dict[str, Json]]
    ended: bool = False
