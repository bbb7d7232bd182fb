"""The process that reads a stranger's proto: compiles it, writes a request by it, reads the answers.

Started as `python -I -S proto_worker.py write|read <import path>…` with one JSON object on standard input; it
gives one on standard output, `error` in it when the proto or the data is to blame. A proto is memory here and
not a file, and what it imports is found among Google's well-known types or not at all.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import sys
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
    """Do the one thing that is asked for."""
    work, *paths = sys.argv[1:]
    sys.path += paths
    asked = json.load(sys.stdin)
    _confine()
    try:
        text = json.dumps(_write(asked) if work == "write" else _read(asked))
    except ProtoError as error:
        text = json.dumps({"error": error.kind, "detail": str(error)[:500]})
    sys.stdout.write(text)
    sys.stdout.flush()
    os._exit(0)  # nothing of what was built needs to be taken down in order


class ProtoError(Exception):
    """What is wrong with a proto, with arguments or with an answer, by the kind of error."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def _write(asked: dict[str, Any]) -> dict[str, Any]:
    """Return where a method is, how it answers, and the request as bytes."""
    compiled = _compiled(asked["proto"])
    method = _method(_pool(compiled), asked["service"], asked["method"])
    if method.client_streaming:
        raise ProtoError(
            "configuration", "the method takes a stream of messages, and a call sends one"
        )
    return {
        "path": f"/{method.containing_service.full_name}/{method.name}",
        "streams": bool(method.server_streaming),
        "request": base64.b64encode(_encoded(method.input_type, asked["arguments"])).decode(),
        "compiled": base64.b64encode(compiled).decode(),
        "type": method.output_type.full_name,
    }


def _read(asked: dict[str, Any]) -> dict[str, Any]:
    """Return messages as JSON (ProtoJSON: what has its default value is left out)."""
    from google.protobuf import json_format, message, message_factory  # noqa: PLC0415 - see serve

    pool = _pool(base64.b64decode(asked["compiled"]))
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(asked["type"]))
    try:
        messages = [
            json_format.MessageToDict(
                kind.FromString(base64.b64decode(found)), descriptor_pool=pool
            )
            for found in asked["messages"]
        ]
    except (message.DecodeError, json_format.Error, ValueError, TypeError, RecursionError):
        raise ProtoError("communication", "the answer is no message of the method's type") from None
    if len(json.dumps(messages)) > RESULT_BYTES_MAX:
        raise ProtoError(
            "runtime", f"the answer is larger than {RESULT_BYTES_MAX} bytes (stepDataBytes)"
        )
    return {"messages": messages}


def _encoded(kind: Descriptor, arguments: dict[str, Any]) -> bytes:
    from google.protobuf import json_format, message_factory  # noqa: PLC0415 - see serve

    request = message_factory.GetMessageClass(kind)()
    try:
        json_format.ParseDict(arguments, request, descriptor_pool=kind.file.pool)
        return bytes(request.SerializeToString())
    except (json_format.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ProtoError("validation", f"the arguments do not fit the method: {error}") from None


def _compiled(text: str) -> bytes:
    """Compile a proto; nothing of it is written to a disk.

    :raises ProtoError: with the compiler's first words.
    """
    from grpc_tools import protoc  # noqa: PLC0415 - found only on the path given on the command line

    source, target, said = _memory(text.encode()), _memory(b""), _memory(b"")
    os.dup2(said, 2)
    known = Path(protoc.__file__).with_name("_proto")
    status = protoc.main(
        [
            "protoc",
            f"-I{FILE}=/dev/fd/{source}",
            f"-I{known}",
            "--include_imports",
            f"--descriptor_set_out=/dev/fd/{target}",
            FILE,
        ]
    )
    if status:
        lines = os.pread(said, 4096, 0).decode(errors="replace").splitlines()
        there = [line.removeprefix(f"/dev/fd/{source}:") for line in lines]
        errors = [told for told, line in zip(there, lines, strict=True) if told != line]
        raise ProtoError("configuration", f"the proto cannot be compiled: {'; '.join(errors[:2])}")
    return os.pread(target, COMPILED_BYTES_MAX, 0)


def _memory(content: bytes) -> int:
    """Return a file that has no name and is on no disk."""
    found = os.memfd_create("proto")
    os.write(found, content)
    return found


def _pool(compiled: bytes) -> DescriptorPool:
    from google.protobuf import descriptor_pb2, descriptor_pool  # noqa: PLC0415 - see serve

    pool = descriptor_pool.DescriptorPool()
    try:
        for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
            pool.Add(file)
    except Exception as error:  # noqa: BLE001 - protobuf has several kinds for one thing
        raise ProtoError("configuration", f"the proto cannot be used: {error}") from None
    return pool


def _method(pool: DescriptorPool, service: str, method: str) -> MethodDescriptor:
    """Return a method; the service goes by its full name, or by its own where the file has a package."""
    package = pool.FindFileByName(FILE).package
    for name in (service, f"{package}.{service}" if package else service):
        try:
            found = pool.FindServiceByName(name)
        except KeyError:
            continue
        if method in found.methods_by_name:
            return found.methods_by_name[method]
        known = ", ".join(sorted(found.methods_by_name)[:20])
        raise ProtoError("configuration", f"the service has no such method; it has {known}")
    raise ProtoError("configuration", "the proto has no such service")


def _confine() -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - no more is needed
        held = int(statm.read().split()[0]) * resource.getpagesize()
    for which, value in (
        (resource.RLIMIT_AS, held + MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, CPU_SECONDS_MAX),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_FSIZE, COMPILED_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(which, (value, value))


if __name__ == "__main__":
    serve()
