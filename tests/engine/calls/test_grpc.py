"""gRPC calls: allowed addresses, and hostile protos."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from bin.devtools.fakes import grpc, openapi
from bin.devtools.fakes.https_server import HOSTS, FakeServer, fake_server
from engine.activities.grpc import GrpcActivities
from engine.calls.grpc import proto_compiler
from engine.calls.http import HttpCaller
from engine.contracts.calls import GrpcCall, HttpCall
from engine.egress.guard import Egress
from engine.egress.targets import resolve_target

pytestmark = pytest.mark.unit


HEAD = 'syntax = "proto3"; '
CALL = GrpcCall(
    proto=HttpCall("GET", f"https://{openapi.API}/greeter.proto"),
    service="Greeter",
    host=grpc.HOST,
    port=443,
    method="Echo",
    arguments={"text": "hello"},
)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with fake_server() as standing:
        yield standing


async def call(
    server: FakeServer, request: GrpcCall, *, allow: str = ",".join(HOSTS), **guard: Any
) -> Any:
    trusted: dict[str, Any] = {"resolver": server.resolve, "ssl_context": server.ssl_context}
    egress = Egress(allow=allow, **(trusted | guard))
    activities = GrpcActivities(HttpCaller(egress))
    return (await ActivityEnvironment().run(activities.call, request)).result


async def failure_of(server: FakeServer, request: GrpcCall, **guard: Any) -> tuple[str | None, str]:
    with pytest.raises(ApplicationError) as raised:
        await call(server, request, **guard)
    return raised.value.type, raised.value.message


async def write(proto: str, arguments: Any = None, method: str = "M") -> Any:
    request = {"proto": proto, "service": "S", "method": method, "arguments": arguments or {}}
    return await proto_compiler.execute("encode", request)


async def proto_failure(proto: str, arguments: Any = None) -> tuple[str | None, str]:
    with pytest.raises(ApplicationError) as raised:
        await write(proto, arguments)
    return raised.value.type, raised.value.message


async def test_a_call_goes_to_the_address_that_was_checked_and_asks_for_it_once(
    server: FakeServer,
) -> None:
    request: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> Sequence[tuple[str, int]]:
        request.append((host, port))
        return await server.resolve(host, port)

    assert await call(server, CALL, resolver=resolve) == {"text": "hello"}
    assert request == [(openapi.API, 443), (grpc.HOST, 443)]


async def test_a_certificate_for_another_name_is_not_trusted(server: FakeServer) -> None:
    async def resolve(host: str, port: int) -> Sequence[tuple[str, int]]:
        return await server.resolve(grpc.HOST if host == "other.example.org" else host, port)

    elsewhere = replace(CALL, host="other.example.org")
    allow = ",".join((*HOSTS, "other.example.org"))
    kind, detail = await failure_of(server, elsewhere, resolver=resolve, allow=allow)
    assert (kind, "UNAVAILABLE" in detail) == ("communication", True)


async def test_an_authority_nobody_trusts_is_not_trusted(server: FakeServer) -> None:
    egress = Egress(
        allow=",".join(HOSTS), resolver=server.resolve
    )  # trusts the world's authorities alone
    request = {"proto": grpc.PROTO, "service": "Greeter", "method": "Echo", "arguments": {}}
    encoding = await proto_compiler.execute("encode", request)
    target = await resolve_target(egress, grpc.HOST, 443)
    with pytest.raises(ApplicationError, match="UNAVAILABLE"):
        await GrpcActivities(HttpCaller(egress)).exchange(target, CALL, encoding)


@pytest.mark.parametrize(
    ("address", "port", "detail"),
    [
        ("127.0.0.1", 443, "the host is not on the public internet"),
        ("10.0.0.1", 50051, "the host is not on the public internet"),
        ("169.254.169.254", 8443, "the host is not on the public internet"),
        ("8.8.8.8", 25, "port 25 is not allowed"),
        ("8.8.8.8", 80, "port 80 is not allowed"),
    ],
)
async def test_a_service_within_or_at_a_forbidden_port_is_not_called(
    server: FakeServer, address: str, port: int, detail: str
) -> None:
    async def resolve(host: str, at: int) -> Sequence[tuple[str, int]]:
        return [(address, at)] if host == "inside.example.org" else await server.resolve(host, at)

    request = replace(CALL, host="inside.example.org", port=port)
    assert await failure_of(server, request, resolver=resolve) == ("communication", detail)


async def test_a_message_larger_than_an_answer_may_be_is_not_taken(server: FakeServer) -> None:
    request = replace(CALL, method="CountUp", arguments={"to": 1, "bytes": 2_000_000})
    kind, detail = await failure_of(server, request)
    assert (kind, "RESOURCE_EXHAUSTED" in detail) == ("communication", True)


async def test_messages_without_content_are_not_free(server: FakeServer) -> None:
    request = replace(CALL, method="CountUp", arguments={"to": 1_000_000}, port=grpc.PLAIN_PORT)
    assert await failure_of(server, request) == (
        "communication",
        "the answers are larger than 1048576 bytes",
    )


async def test_a_call_that_takes_too_long_is_a_timeout(server: FakeServer) -> None:
    request = replace(CALL, method="Sleep", arguments={"to": 30}, timeout_seconds=1.0)
    assert (await failure_of(server, request))[0] == "timeout"


@pytest.mark.parametrize("path", ["inside", "beside", "itself", "deep", "html", "broken"])
async def test_a_hostile_proto_is_a_configuration_error_and_tells_of_no_file(
    server: FakeServer, path: str
) -> None:
    request = replace(CALL, proto=HttpCall("GET", f"https://{openapi.API}/{path}.proto"))
    kind, detail = await failure_of(server, request)
    assert (kind, "root:" in detail, "/dev/" in detail) == ("configuration", False, False)
    assert detail.startswith("the proto ")


async def test_a_proto_larger_than_one_may_be_is_not_read(server: FakeServer) -> None:
    request = replace(CALL, proto=HttpCall("GET", f"https://{openapi.API}/large.proto"))
    assert await failure_of(server, request) == (
        "communication",
        "the answer is larger than 262144 bytes",
    )


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "dev/fd/0", "/dev/stdin", "grpc/health.proto", "service.proto"]
)
async def test_a_proto_imports_well_known_types_and_nothing_else(name: str) -> None:
    kind, detail = await proto_failure(f'{HEAD}import "{name}"; service S {{}}')
    assert (kind, detail.startswith("the proto cannot be compiled: ")) == ("configuration", True)


async def test_a_well_known_type_can_be_imported() -> None:
    text = f'{HEAD}import "google/protobuf/any.proto"; message A {{ google.protobuf.Any any = 1; }}'
    encoding = await write(f"{text} service S {{ rpc M(A) returns (A); }}")
    assert encoding["path"] == "/S/M"


async def test_a_proto_as_large_as_one_may_be_is_compiled() -> None:
    many = "".join(f"message M{at} {{ map<string, M{at}> a = 1; }}" for at in range(6_000))
    encoding = await write(f"{HEAD}{many} service S {{ rpc M(M1) returns (M1); }}")
    assert len(many) < 262_144
    assert encoding["type"] == "M1"


async def test_values_of_googles_types_are_written_and_read_without_another_file() -> None:
    names = ("timestamp", "struct", "any", "wrappers", "duration")
    imports = " ".join(f'import "google/protobuf/{name}.proto";' for name in names)
    kinds = ("Timestamp at", "Struct data", "Any some", "Int64Value number")
    fields = [f"google.protobuf.{kind} = {n};" for n, kind in enumerate(kinds, 1)]
    message = {
        "at": "2026-01-01T00:00:00.123Z",
        "data": {"a": [1.0, None, {"b": True}]},
        "some": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "2s"},
        "number": "7",
    }
    proto = f"message A {{ {' '.join(fields)} }} service S {{ rpc M(A) returns (A); }}"
    encoding = await write(f"{HEAD} {imports} {proto}", message)
    request = {name: encoding[name] for name in ("compiled", "type")}
    answer = await proto_compiler.execute("decode", request | {"messages": [encoding["request"]]})
    assert answer["messages"] == [message]


async def test_an_answer_that_grows_when_it_is_read_ends_its_process_and_nothing_else() -> None:
    fields = f"enum E {{ {'N' * 60_000} = 0; }} message A {{ repeated E all = 1; }}"
    encoding = await write(f"{HEAD}{fields} service S {{ rpc M(A) returns (A); }}")
    packed = b"\x0a\x90\x4e" + bytes(10_000)  # ten thousand names in ten thousand bytes
    method = {name: encoding[name] for name in ("compiled", "type")}
    with pytest.raises(ApplicationError, match="more time or memory than allowed"):
        await proto_compiler.execute(
            "decode", method | {"messages": [base64.b64encode(packed).decode()]}
        )
    few = base64.b64encode(b"\x0a\x01\x00").decode()
    assert (
        len(
            (await proto_compiler.execute("decode", method | {"messages": [few]}))["messages"][0][
                "all"
            ]
        )
        == 1
    )


async def test_arguments_nested_without_an_end_do_not_fit() -> None:
    deep: dict[str, Any] = {}
    for _ in range(150):
        deep = {"a": deep}
    kind, _ = await proto_failure(
        f"{HEAD} message A {{ A a = 1; }} service S {{ rpc M(A) returns (A); }}", deep
    )
    assert kind == "validation"


@pytest.mark.parametrize(
    ("policy", "kind", "detail"),
    [
        ({"digest": {}}, "configuration", "grpc supports only authentication by basic or bearer"),
        ({"bearer": {}}, "authentication", "the authentication has no token"),
    ],
)
async def test_a_policy_that_a_service_cannot_be_told_is_an_error(
    server: FakeServer, policy: dict[str, Any], kind: str, detail: str
) -> None:
    assert await failure_of(server, replace(CALL, authentication=policy)) == (kind, detail)


NOISY = """
import asyncio, subprocess, worker.temporal.grpc_environment
import grpc
async def main():
    trust = grpc.ssl_channel_credentials(b"no certificate")
    async with grpc.aio.secure_channel("ipv4:127.0.0.1:1", trust) as channel:
        try:
            await channel.unary_unary("/a/b")(b"", timeout=5)
        except grpc.aio.AioRpcError as error:
            print(error.code().name)
        subprocess.run(["true"], preexec_fn=lambda: None)
asyncio.run(main())
"""


def test_a_worker_logs_nothing_of_what_goes_wrong_in_grpc() -> None:
    encoding = subprocess.run(
        [sys.executable, "-c", NOISY], check=True, capture_output=True, text=True
    )
    assert (encoding.stdout, encoding.stderr) == ("UNAVAILABLE\n", "")


def test_a_worker_does_not_load_the_compiler_of_protos() -> None:
    code = "import sys, worker.temporal; sys.exit('grpc_tools.protoc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
