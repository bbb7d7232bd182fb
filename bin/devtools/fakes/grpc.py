"""gRPC service for scenarios that returns its requests, and its proto."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import ServiceDescriptor
from grpc_tools import protoc

HOST = "greeter.example.org"
TLS_PORT, PLAIN_PORT, CLOSED_PORT = 443, 50051, 50052

PROTO = """
syntax = "proto3";
package greetings.v1;

import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/empty.proto";

enum Mood { MOOD_UNKNOWN = 0; MOOD_GOOD = 1; MOOD_BAD = 2; }

message Person { string full_name = 1; repeated Person friends = 2; }

message Everything {
  string text = 1;
  int64 big = 2;
  uint32 small = 3;
  double ratio = 4;
  bool yes = 5;
  bytes raw = 6;
  Mood mood = 7;
  Person person = 8;
  repeated int64 numbers = 9;
  map<string, Person> people = 10;
  google.protobuf.Timestamp at = 11;
  google.protobuf.Duration lasts = 12;
  google.protobuf.Struct loose = 13;
  google.protobuf.StringValue perhaps = 14;
  optional int32 zero = 15;
  oneof either { string left = 16; int32 right = 17; }
}

message Count { int32 to = 1; int32 bytes = 2; }
message Number { int32 value = 1; bytes filling = 2; }
message Failure { int32 code = 1; string says = 2; }
message Caller { string authorization = 1; }

service Greeter {
  rpc Echo(Everything) returns (Everything);
  rpc CountUp(Count) returns (stream Number);
  rpc Gather(stream Number) returns (Number);
  rpc Fail(Failure) returns (Everything);
  rpc FailLate(Failure) returns (stream Number);
  rpc WhoAmI(google.protobuf.Empty) returns (Caller);
  rpc Sleep(Count) returns (Everything);
  rpc Garbage(google.protobuf.Empty) returns (Everything);
  rpc Missing(google.protobuf.Empty) returns (Everything);
}
"""
PROTOS = {
    "/greeter.proto": PROTO,
    "/broken.proto": 'syntax = "proto3"; message {',
    "/inside.proto": 'syntax = "proto3"; import "/etc/passwd"; service Greeter {}',
    "/beside.proto": 'syntax = "proto3"; import "../../etc/passwd"; service Greeter {}',
    "/itself.proto": 'syntax = "proto3"; import "service.proto"; service Greeter {}',
    "/deep.proto": 'syntax = "proto3"; ' + "message A {" * 10_000,
    "/large.proto": "// " + "x" * 262_144,
    "/html.proto": "<html></html>",
}


def proto(path: str) -> tuple[int, dict[str, str], bytes]:
    """Return the answer to a request for a proto: status, headers, body."""
    text = PROTOS.get(path)
    return (404, {}, b"") if text is None else (200, {"content-type": "text/plain"}, text.encode())


@dataclass(frozen=True, slots=True)
class GreeterService:
    """Service with its ports, with TLS and without."""

    server: grpc.Server
    tls_port: int
    plain_port: int

    def addresses(self, port: int) -> Sequence[tuple[str, int]]:
        """Return the address of the service whose public port is given."""
        return [("127.0.0.1", {TLS_PORT: self.tls_port, PLAIN_PORT: self.plain_port}.get(port, 1))]

    def stop(self) -> None:
        """Stop the service and cancel its requests."""
        self.server.stop(0).wait()


def start(certificate: bytes, key: bytes) -> GreeterService:
    """Start the service with a certificate and its key as PEM."""
    server = grpc.server(ThreadPoolExecutor(8, thread_name_prefix="greeter"))
    service = _service_descriptor()
    handlers = {name: _handler(service, name, behaviour) for name, behaviour in _BEHAVIOURS.items()}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service.full_name, handlers),)
    )
    tls = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    plain = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return GreeterService(server, tls, plain)


def _service_descriptor() -> ServiceDescriptor:
    with TemporaryDirectory() as folder:
        (Path(folder) / "greeter.proto").write_text(PROTO)
        well_known = Path(protoc.__file__).with_name("_proto")
        target = Path(folder) / "compiled"
        arguments = [
            "protoc",
            f"-I{folder}",
            f"-I{well_known}",
            "--include_imports",
            f"--descriptor_set_out={target}",
        ]
        if protoc.main([*arguments, "greeter.proto"]):
            raise RuntimeError("the greeter's proto does not compile")
        files = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    return pool.FindServiceByName("greetings.v1.Greeter")


def _handler(service: ServiceDescriptor, name: str, behaviour: Any) -> Any:
    method = service.methods_by_name[name]
    request = message_factory.GetMessageClass(method.input_type)
    answer = message_factory.GetMessageClass(method.output_type)

    def serialize(message: Any) -> bytes:
        return message if isinstance(message, bytes) else bytes(message.SerializeToString())

    def behave(message: Any, context: grpc.ServicerContext) -> Any:
        return behaviour(message, context, answer)

    make = (
        grpc.unary_stream_rpc_method_handler
        if method.server_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return make(behave, request_deserializer=request.FromString, response_serializer=serialize)


def _echo(request: Any, _: grpc.ServicerContext, __: Any) -> Any:
    return request


def _count(request: Any, _: grpc.ServicerContext, answer: Any) -> Iterator[Any]:
    for value in range(request.to):
        yield answer(value=value + 1, filling=bytes(request.bytes))


def _fail(request: Any, context: grpc.ServicerContext, answer: Any) -> Any:
    code = next(code for code in grpc.StatusCode if code.value[0] == request.code)
    context.set_code(code)
    context.set_details(request.says)
    return answer()


def _fail_late(request: Any, context: grpc.ServicerContext, answer: Any) -> Iterator[Any]:
    yield answer(value=1)
    _fail(request, context, answer)


def _who(_: Any, context: grpc.ServicerContext, answer: Any) -> Any:
    metadata = dict(context.invocation_metadata())
    return answer(authorization=metadata.get("authorization", ""))


def _sleep(request: Any, context: grpc.ServicerContext, answer: Any) -> Any:
    until = time.monotonic() + request.to
    while context.is_active() and time.monotonic() < until:
        time.sleep(0.05)
    return answer(text="awake")


def _garbage(_: Any, __: grpc.ServicerContext, ___: Any) -> bytes:
    return b"\xff\xff\xff"


_BEHAVIOURS = {
    "Echo": _echo,
    "CountUp": _count,
    "Fail": _fail,
    "FailLate": _fail_late,
    "WhoAmI": _who,
    "Sleep": _sleep,
    "Garbage": _garbage,
}
