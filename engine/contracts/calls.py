"""Calls of HTTP, OpenAPI, gRPC, MCP, A2A and AsyncAPI services: activities and arguments."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.contracts.json_value import Json

CALL_HTTP = "call_http"  # activity: HttpCall → HttpAnswer
COMPOSE_OPENAPI = "compose_openapi"  # activity: OpenApiCall → HttpCall
CALL_MCP = "call_mcp"  # activity: McpCall → RpcAnswer
CALL_A2A = "call_a2a"  # activity: A2aCall → RpcAnswer
CALL_GRPC = "call_grpc"  # activity: GrpcCall → RpcAnswer
PUBLISH_MESSAGE = "publish_message"  # activity: AsyncApiCall → None
CONSUME_MESSAGES = "consume_messages"  # activity: AsyncApiCall → ConsumedMessages


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP request, all expressions evaluated."""

    method: str
    uri: str
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, Json] = field(default_factory=dict)
    body: Json = None
    redirect: bool = False
    authentication: dict[str, Json] | None = None  # {"basic": {…}} and so on, resolved
    timeout_seconds: float = 30.0
    raw: bool = False  # whether the answer has the bytes instead of the content


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Answer to a request: `content` is JSON or text, `raw` on request the bytes in Base64."""

    status: int
    headers: dict[str, str]
    content: Json
    raw: str
    uri: str  # after redirects
    authorization: dict[str, Json] | None = None  # of the request: scheme, parameter


@dataclass(frozen=True, slots=True)
class OpenApiCall:
    """Operation by its id, and where its service's description is."""

    document: HttpCall
    operation: str
    arguments: dict[str, Json]


@dataclass(frozen=True, slots=True)
class RpcAnswer:
    """Result of a remote procedure (JSON-RPC 2.0, gRPC); a stream's results are all in it."""

    result: Json


@dataclass(frozen=True, slots=True)
class McpCall:
    """One method of an MCP server over streamable HTTP; `http` has address and credentials."""

    http: HttpCall
    method: str
    parameters: dict[str, Json]
    protocol_version: str
    client: dict[str, str]  # name, version


@dataclass(frozen=True, slots=True)
class A2aCall:
    """One method of an agent; `http` is the address of its card when `carded`, else its own."""

    http: HttpCall
    carded: bool
    method: str
    parameters: dict[str, Json]


@dataclass(frozen=True, slots=True)
class GrpcCall:
    """One method of a gRPC service, and where its proto file is."""

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
    """Operation of a service that exchanges messages, and where its description is."""

    document: HttpCall
    operation: str | None
    channel: str | None
    server: str | None
    protocol: str | None
    variables: dict[str, Json]
    authentication: dict[str, Json] | None
    timeout_seconds: float
    message: dict[str, Json] | None = None  # payload, headers; None: consume messages
    subscription: str = ""  # name of one whose messages stay between calls
    count_max: int = 0  # the most messages to consume
    linger: bool = False  # whether to wait for all of them, and not only for the first
    every: bool = False  # whether each message counts; else a broker that stores them gives one


@dataclass(frozen=True, slots=True)
class ConsumedMessages:
    """Messages (payload, headers, correlationId) in order, and whether no more can come."""

    messages: list[dict[str, Json]]
    ended: bool = False
