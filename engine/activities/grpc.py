"""Activity that calls a method of a gRPC service by its proto, at checked addresses."""

from __future__ import annotations

import base64
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.calls import credentials
from engine.calls.errors import failure, translate_errors
from engine.calls.grpc import proto_compiler
from engine.calls.http import HttpCaller
from engine.contracts.calls import CALL_GRPC, GrpcCall, HttpCall, RpcAnswer
from engine.egress.guard import BODY_BYTES_MAX, EgressError
from engine.egress.targets import HTTPS, Target, authorities, resolve_target

PROTO_BYTES_MAX = 262_144
# Bytes that a message of a stream counts besides its content, so that empty ones count too.
MESSAGE_COST = 64

# For gRPC status codes: the kind of error, and the HTTP status of Google's RPC codes.
_KINDS = {"UNAUTHENTICATED": "authentication", "PERMISSION_DENIED": "authorization"} | {
    "DEADLINE_EXCEEDED": "timeout"
}
_STATUSES = {
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "DEADLINE_EXCEEDED": 408,
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}
_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),  # the definition decides about retries
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),  # accounts share no connections
    ("grpc.max_receive_message_length", BODY_BYTES_MAX),
    ("grpc.max_send_message_length", 4 * BODY_BYTES_MAX),
    ("grpc.max_metadata_size", 16_384),
    # No compression, so that no message grows when it is decoded.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.per_message_decompression", 0),
)


class GrpcActivities:
    """Activities of `call: grpc`."""

    def __init__(self, http: HttpCaller) -> None:
        self._http = http

    @activity.defn(name=CALL_GRPC)
    async def call(self, call: GrpcCall) -> RpcAnswer:
        """Call the method and return its message, or all messages when it streams.

        :raises ApplicationError: of the kind of the failure; Temporal does not retry it.
        """
        async with translate_errors(call.timeout_seconds):
            proto = await self._fetch(call.proto)
            arguments = {"proto": proto, "service": call.service, "method": call.method}
            request = await proto_compiler.execute(
                "encode", arguments | {"arguments": call.arguments}
            )
            target = await resolve_target(self._http.egress, call.host, call.port)
            authenticated_call = replace(call, authentication=await self._policy(call))
            answers = await self.exchange(target, authenticated_call, request)
            messages = [base64.b64encode(answer).decode() for answer in answers]
            method = {name: request[name] for name in ("compiled", "type")}
            result = await proto_compiler.execute("decode", method | {"messages": messages})
        values = result["messages"]
        return RpcAnswer(values if request["streams"] else values[0])

    async def _policy(self, call: GrpcCall) -> dict[str, Any] | None:
        """Return the call's authentication, with an access token in place of an OAuth policy."""
        policy_call = HttpCall(
            "POST", "", authentication=call.authentication, timeout_seconds=call.timeout_seconds
        )
        return (await self._http.authenticate(policy_call)).authentication

    async def _fetch(self, proto: HttpCall) -> str:
        answer = await self._http.send(proto, bytes_max=PROTO_BYTES_MAX)
        if answer.status != HTTPStatus.OK:
            text = f"the server answered {answer.status}"
            raise failure("communication", text, answer.status)
        return answer.body.decode(errors="replace")

    async def exchange(
        self, target: Target, call: GrpcCall, request: dict[str, Any]
    ) -> list[bytes]:
        """Send the encoded request and return the messages of the answer.

        :raises ApplicationError: of the kind for the service's status.
        :raises EgressError: when the messages exceed BODY_BYTES_MAX.
        """
        import grpc  # noqa: PLC0415 - large, and few workers need it

        metadata = _metadata(call.authentication or {})
        message, deadline = base64.b64decode(request["request"]), call.timeout_seconds
        async with self._channel(target) as channel:
            try:
                if not request["streams"]:
                    unary = channel.unary_unary(request["path"])
                    return [await unary(message, timeout=deadline, metadata=metadata)]
                answers, rest = list[bytes](), BODY_BYTES_MAX
                stream = channel.unary_stream(request["path"])
                async for answer in stream(message, timeout=deadline, metadata=metadata):
                    answers.append(answer)
                    rest -= len(answer) + MESSAGE_COST
                    if rest < 0:
                        raise EgressError(f"the answers are larger than {BODY_BYTES_MAX} bytes")
            except grpc.aio.AioRpcError as error:
                raise _status_failure(error.code().name, error.details()) from None
            return answers

    def _channel(self, target: Target) -> Any:
        """Return a channel to the checked addresses, with TLS that verifies the name.

        A host on the operator's allowlist has no TLS, except on the port of HTTPS.
        """
        import grpc  # noqa: PLC0415 - as above

        v6 = ":" in target.addresses[0][0]
        addresses = [(host, port) for host, port in target.addresses if (":" in host) is v6]
        uri = ",".join(f"[{host}]:{port}" if v6 else f"{host}:{port}" for host, port in addresses)
        uri = f"{'ipv6' if v6 else 'ipv4'}:{uri}"
        authority = target.host if target.port == HTTPS else f"{target.host}:{target.port}"
        options = (*_OPTIONS, ("grpc.default_authority", authority))
        if target.is_allowlisted and target.port != HTTPS:
            return grpc.aio.insecure_channel(uri, options=options)
        trust = grpc.ssl_channel_credentials(authorities(self._http.egress.ssl_context))
        tls_options = (*options, ("grpc.ssl_target_name_override", target.host))
        return grpc.aio.secure_channel(uri, trust, options=tls_options)


def _metadata(policy: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if "bearer" in policy:
        return (("authorization", f"Bearer {credentials.bearer_token(policy)}"),)
    if "basic" in policy:
        pair = ":".join(credentials.name_and_password(policy))
        return (("authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"),)
    if policy:
        raise credentials.unsupported_policy("grpc", "basic", "bearer")
    return ()


def _status_failure(code: str, details: str | None) -> ApplicationError:
    detail = f": {details[:300]}" if details else ""
    text = f"the service answered {code}{detail}"
    return failure(_KINDS.get(code, "communication"), text, _STATUSES.get(code, 500))
