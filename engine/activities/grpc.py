"""A method of a gRPC service, called by its proto: bytes out, bytes back, to the address that was checked."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.calls import credentials
from engine.calls.grpc import proto_compiler
from engine.calls.http import HttpCaller
from engine.calls.oauth import CredentialsError
from engine.contracts.calls import CALL_GRPC, GrpcCall
from engine.contracts.executions import HttpCall, RpcAnswer
from engine.egress.guard import BODY_BYTES_MAX, EgressError
from engine.egress.targets import HTTPS, Target, authorities, resolve_target

PROTO_BYTES_MAX = 262_144
MESSAGE_COST = (
    64  # bytes that a message of a stream counts beside its own: an empty one is not free
)

# What a status means here: the kind of error, and the HTTP status that Google's RPC codes go with.
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
    ("grpc.enable_retries", 0),  # what is done twice is for the definition to say
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),  # no connection is shared between two accounts
    ("grpc.max_receive_message_length", BODY_BYTES_MAX),
    ("grpc.max_send_message_length", 4 * BODY_BYTES_MAX),
    ("grpc.max_metadata_size", 16_384),
    # What is not compressed cannot blow up.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.per_message_decompression", 0),
)


class GrpcActivities:
    """Holds what fetches protos, and whose guard checks where services are."""

    def __init__(self, http: HttpCaller) -> None:
        self._http = http

    @activity.defn(name=CALL_GRPC)
    async def call(self, call: GrpcCall) -> RpcAnswer:
        """Call the method and give its message, or all of its messages when it answers with a stream.

        :raises ApplicationError: of the kind of what failed; never retried here.
        """
        try:
            async with asyncio.timeout(call.timeout_seconds):
                proto = await self._fetched(call.proto)
                asked = {"proto": proto, "service": call.service, "method": call.method}
                written = await proto_compiler.execute(
                    "encode", asked | {"arguments": call.arguments}
                )
                target = await resolve_target(self._http.egress, call.host, call.port)
                known = replace(call, authentication=await self._policy(call))
                answers = await self.exchanged(target, known, written)
                encoded = [base64.b64encode(answer).decode() for answer in answers]
                kept = {name: written[name] for name in ("compiled", "type")}
                messages = (await proto_compiler.execute("decode", kept | {"messages": encoded}))[
                    "messages"
                ]
        except TimeoutError:
            raise ApplicationError(
                "the call took too long", type="timeout", non_retryable=True
            ) from None
        except CredentialsError as error:
            raise ApplicationError(str(error), type="authentication", non_retryable=True) from None
        except EgressError as error:
            kind = "timeout" if error.code == "timeout" else "communication"
            raise ApplicationError(str(error), type=kind, non_retryable=True) from None
        return RpcAnswer(messages if written["streams"] else messages[0])

    async def _policy(self, call: GrpcCall) -> dict[str, Any] | None:
        """Return who calls, with a token where the policy asks for one."""
        asked = HttpCall(
            "POST", "", authentication=call.authentication, timeout_seconds=call.timeout_seconds
        )
        return (await self._http.authenticate(asked)).authentication

    async def _fetched(self, proto: HttpCall) -> str:
        answer = await self._http.send(proto, bytes_max=PROTO_BYTES_MAX)
        if answer.status != HTTPStatus.OK:
            text = f"the server answered {answer.status}"
            raise ApplicationError(text, answer.status, type="communication", non_retryable=True)
        return answer.body.decode(errors="replace")

    async def exchanged(
        self, target: Target, call: GrpcCall, written: dict[str, Any]
    ) -> list[bytes]:
        """Send the request that was written and return the messages that come.

        :raises ApplicationError: of the kind that the service's status means.
        :raises EgressError: when there are more than a step may hold.
        """
        import grpc  # noqa: PLC0415 - large, and of no use to who never calls a gRPC service

        metadata = _metadata(call.authentication or {})
        request, deadline = base64.b64decode(written["request"]), call.timeout_seconds
        async with self._channel(target) as channel:
            try:
                if not written["streams"]:
                    unary = channel.unary_unary(written["path"])
                    return [await unary(request, timeout=deadline, metadata=metadata)]
                answers, rest = list[bytes](), BODY_BYTES_MAX
                stream = channel.unary_stream(written["path"])
                async for answer in stream(request, timeout=deadline, metadata=metadata):
                    answers.append(answer)
                    rest -= len(answer) + MESSAGE_COST
                    if rest < 0:
                        raise EgressError(f"the answers are larger than {BODY_BYTES_MAX} bytes")
            except grpc.aio.AioRpcError as error:
                raise _failure(error.code().name, error.details()) from None
            return answers

    def _channel(self, target: Target) -> Any:
        """Return a channel to the checked addresses, with the TLS of the name.

        There is none at a host that an operator opened, on any port but that of HTTPS.
        """
        import grpc  # noqa: PLC0415 - as above

        v6 = ":" in target.addresses[0][0]
        same = [(at, port) for at, port in target.addresses if (":" in at) is v6]
        where = ",".join(f"[{at}]:{port}" if v6 else f"{at}:{port}" for at, port in same)
        where = f"{'ipv6' if v6 else 'ipv4'}:{where}"
        authority = target.host if target.port == HTTPS else f"{target.host}:{target.port}"
        options = (*_OPTIONS, ("grpc.default_authority", authority))
        if target.is_allowlisted and target.port != HTTPS:
            return grpc.aio.insecure_channel(where, options=options)
        trust = grpc.ssl_channel_credentials(authorities(self._http.egress.ssl_context))
        named = (*options, ("grpc.ssl_target_name_override", target.host))
        return grpc.aio.secure_channel(where, trust, options=named)


def _metadata(policy: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if "bearer" in policy:
        return (("authorization", f"Bearer {credentials.bearer_token(policy)}"),)
    if "basic" in policy:
        known = ":".join(credentials.name_and_password(policy))
        return (("authorization", f"Basic {base64.b64encode(known.encode()).decode()}"),)
    if policy:
        raise credentials.unsupported_policy("grpc", "basic", "bearer")
    return ()


def _failure(code: str, details: str | None) -> ApplicationError:
    said = f": {details[:300]}" if details else ""
    return ApplicationError(
        f"the service answered {code}{said}",
        _STATUSES.get(code, 500),
        type=_KINDS.get(code, "communication"),
        non_retryable=True,
    )
