"""Child process that compiles an external proto, encodes a request or decodes messages.

The command is `python -I -S proto_worker.py encode|decode <import path>…`, with a JSON object on
standard input. The result is a JSON object on standard output, with `error` when the proto or the
data is at fault. A proto is in memory and not in a file; it can import only Google's well-known
types. The kernel keeps the child from other files, the network and other processes.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, MethodDescriptor
    from google.protobuf.descriptor_pool import DescriptorPool

CPU_SECONDS_MAX = 4
MEMORY_BYTES_MAX = 256 * 1_048_576
COMPILED_BYTES_MAX = 2 * 1_048_576
RESULT_BYTES_MAX = 1_048_576
FILE = "service.proto"


def serve() -> None:
    """Execute one command."""
    command, *paths = sys.argv[1:]
    sys.path += paths
    _import_all(command)
    request = sys.stdin.buffer.read()
    _confine(command)
    try:
        arguments = json.loads(request)
        text = json.dumps(_encode(arguments) if command == "encode" else _decode(arguments))
    except ProtoError as error:
        text = json.dumps({"error": error.kind, "detail": str(error)[:500]})
    sys.stdout.write(text)
    sys.stdout.flush()
    os._exit(0)  # skips the clean-up, which nothing needs


def _import_all(command: str) -> None:
    """Import what the command needs: later the child opens no module."""
    from engine.expressions.sandbox import kernel  # noqa: PLC0415 - found by the command's path

    kernel.hide_memory()
    from google.protobuf import (  # noqa: PLC0415 - as above
        descriptor_pb2,  # noqa: F401 - see above
        descriptor_pool,  # noqa: F401 - same
        json_format,  # noqa: F401 - same
        message_factory,  # noqa: F401 - same
    )

    time.strptime("2026", "%Y")  # imports what parses the time of a message
    if command == "encode":
        from grpc_tools import protoc  # noqa: F401, PLC0415 - as above


class ProtoError(Exception):
    """Error in a proto, in arguments or in an answer, with its kind."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def _encode(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a method's path, its kind of answer, and the request as bytes."""
    descriptor_set = _compile(arguments["proto"])
    method = _method(_pool(descriptor_set), arguments["service"], arguments["method"])
    if method.client_streaming:
        raise ProtoError(
            "configuration", "the method takes a stream of messages, and a call sends one"
        )
    return {
        "path": f"/{method.containing_service.full_name}/{method.name}",
        "streams": bool(method.server_streaming),
        "request": base64.b64encode(
            _encode_message(method.input_type, arguments["arguments"])
        ).decode(),
        "compiled": base64.b64encode(descriptor_set).decode(),
        "type": method.output_type.full_name,
    }


def _decode(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return messages as ProtoJSON, which leaves out default values."""
    from google.protobuf import json_format, message, message_factory  # noqa: PLC0415 - see serve

    pool = _pool(base64.b64decode(arguments["compiled"]))
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(arguments["type"]))
    try:
        messages = [
            json_format.MessageToDict(
                kind.FromString(base64.b64decode(message_text)), descriptor_pool=pool
            )
            for message_text in arguments["messages"]
        ]
    except (message.DecodeError, json_format.Error, ValueError, TypeError, RecursionError):
        raise ProtoError("communication", "the answer is no message of the method's type") from None
    if len(json.dumps(messages)) > RESULT_BYTES_MAX:
        raise ProtoError(
            "runtime", f"the answer is larger than {RESULT_BYTES_MAX} bytes (stepDataBytes)"
        )
    return {"messages": messages}


def _encode_message(kind: Descriptor, arguments: dict[str, Any]) -> bytes:
    from google.protobuf import json_format, message_factory  # noqa: PLC0415 - see serve

    request = message_factory.GetMessageClass(kind)()
    try:
        json_format.ParseDict(arguments, request, descriptor_pool=kind.file.pool)
        return bytes(request.SerializeToString())
    except (json_format.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ProtoError("validation", f"the arguments do not fit the method: {error}") from None


def _compile(text: str) -> bytes:
    """Return the descriptor set of a proto, compiled in memory.

    :raises ProtoError: with the first errors of the compiler.
    """
    from grpc_tools import protoc  # noqa: PLC0415 - its path comes from the command line

    source, target, log = _memory(text.encode()), _memory(b""), _memory(b"")
    os.dup2(log, 2)
    status = protoc.main(
        [
            "protoc",
            f"-I{FILE}=/dev/fd/{source}",
            f"-I{_well_known_types()}",
            "--include_imports",
            f"--descriptor_set_out=/dev/fd/{target}",
            FILE,
        ]
    )
    if status:
        lines = os.pread(log, 4096, 0).decode(errors="replace").splitlines()
        messages = [line.removeprefix(f"/dev/fd/{source}:") for line in lines]
        errors = [text for text, line in zip(messages, lines, strict=True) if text != line]
        raise ProtoError("configuration", f"the proto cannot be compiled: {'; '.join(errors[:2])}")
    return os.pread(target, COMPILED_BYTES_MAX, 0)


def _memory(content: bytes) -> int:
    """Return the descriptor of an anonymous file in memory."""
    descriptor = os.memfd_create("proto")
    os.write(descriptor, content)
    return descriptor


def _pool(descriptor_set: bytes) -> DescriptorPool:
    from google.protobuf import descriptor_pb2, descriptor_pool  # noqa: PLC0415 - see serve

    pool = descriptor_pool.DescriptorPool()
    try:
        for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set).file:
            pool.Add(file)
    except Exception as error:  # noqa: BLE001 - protobuf raises several kinds of exceptions
        raise ProtoError("configuration", f"the proto cannot be used: {error}") from None
    return pool


def _method(pool: DescriptorPool, service: str, method: str) -> MethodDescriptor:
    """Return a method; the service's name may leave out the package of the file."""
    package = pool.FindFileByName(FILE).package
    for name in (service, f"{package}.{service}" if package else service):
        try:
            descriptor = pool.FindServiceByName(name)
        except KeyError:
            continue
        if method in descriptor.methods_by_name:
            return descriptor.methods_by_name[method]
        names = ", ".join(sorted(descriptor.methods_by_name)[:20])
        raise ProtoError("configuration", f"the service has no such method; it has {names}")
    raise ProtoError("configuration", "the proto has no such service")


def _confine(command: str) -> None:
    """Give up all rights; the compiler may read the well-known types and our files in memory."""
    from engine.expressions.sandbox import confinement  # noqa: PLC0415 - see serve

    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - a plain file
        size = int(statm.read().split()[0]) * resource.getpagesize()
    limits = {
        resource.RLIMIT_AS: size + MEMORY_BYTES_MAX,
        resource.RLIMIT_CPU: CPU_SECONDS_MAX,
        resource.RLIMIT_NOFILE: 0,
        resource.RLIMIT_FSIZE: 0,
    }
    if command == "encode":
        limits |= {resource.RLIMIT_NOFILE: 32, resource.RLIMIT_FSIZE: COMPILED_BYTES_MAX}
        rights = confinement.Confinement(limits, [str(_well_known_types())], opens_files=True)
    else:
        rights = confinement.Confinement(limits)
    rights.apply()


def _well_known_types() -> Path:
    """Return the folder of Google's own protos."""
    from grpc_tools import protoc  # noqa: PLC0415 - see serve

    return Path(protoc.__file__).with_name("_proto")


if __name__ == "__main__":
    serve()
