"""What crosses between workflows and the activities that call tools, agents, gRPC services and brokers."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contracts.executions import HttpCall, Json

CALL_MCP = "call_mcp"  # activity: McpCall → RpcAnswer
CALL_A2A = "call_a2a"  # activity: A2aCall → RpcAnswer
CALL_GRPC = "call_grpc"  # activity: GrpcCall → RpcAnswer
PUBLISH_MESSAGE = "publish_message"  # activity: AsyncApiCall → None
CONSUME_MESSAGES = "consume_messages"  # activity: AsyncApiCall → Consumed


@dataclass(frozen=True, slots=True)
class McpCall:
    """One method of an MCP server over streamable HTTP; `http` says where, as whom and how long."""

    http: HttpCall
    method: str
    parameters: dict[str, Json]
    protocol_version: str
    client: dict[str, str]  # name, version


@dataclass(frozen=True, slots=True)
class A2aCall:
    """One method of an agent, whose card is at `http` when `carded`, and which is there itself otherwise."""

    http: HttpCall
    carded: bool
    method: str
    parameters: dict[str, Json]


@dataclass(frozen=True, slots=True)
class GrpcCall:
    """One method of a gRPC service, and where its proto is."""

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
    """An operation of a service that exchanges messages, and where the service describes itself."""

    document: HttpCall
    operation: str | None
    channel: str | None
    server: str | None
    protocol: str | None
    variables: dict[str, Json]
    authentication: dict[str, Json] | None
    timeout_seconds: float
    message: dict[str, Json] | None = (
        None  # payload, headers; None when messages are to be consumed
    )
    subscription: str = ""  # names one whose messages are kept from one call to the next
    count_max: int = 0  # how many messages are wanted at most
    linger: bool = False  # whether to wait for all of them, and not only for the first
    every: bool = (
        False  # whether each that comes counts; otherwise a broker that keeps them gives one
    )


@dataclass(frozen=True, slots=True)
class Consumed:
    """Messages in the order they came (payload, headers, correlationId), and whether no more can come."""

    messages: list[dict[str, Json]]
    ended: bool = False
