"""Servers on the loopback that send what no honest peer sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import grpc

PIECES = 1_024  # at most so many bytes are written at once where a peer is slow


@dataclass(frozen=True, slots=True)
class Speech:
    """Bytes that a server sends after it has read something: first some, then a part for ever.

    With `pause`, it sends them slowly: a few bytes, and the same again after so many seconds.
    """

    first: bytes = b""
    part: bytes = b""  # nothing: the server then waits for the client to leave
    pause: float = 0.0


@asynccontextmanager
async def serving(speech: Speech) -> AsyncIterator[int]:
    """Run a server that says the same to everybody, and return its port."""
    connections: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            await reader.read(65_536)
            await _speak(speech, writer)
            while await reader.read(65_536):
                pass
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(answer(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in [*connections]:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _speak(speech: Speech, writer: asyncio.StreamWriter) -> None:
    if speech.pause:
        for at in range(0, len(speech.first), PIECES):
            writer.write(speech.first[at : at + PIECES])
            await asyncio.sleep(speech.pause)
    else:
        writer.write(speech.first)
    await writer.drain()
    while speech.part:
        writer.write(speech.part)
        await writer.drain()
        await asyncio.sleep(speech.pause)


class _GrpcStream(grpc.GenericRpcHandler):
    """Service that answers every method with one message for ever."""

    def __init__(self, message: bytes) -> None:
        self._message = message

    def service(
        self,
        handler_call_details: grpc.HandlerCallDetails,  # noqa: ARG002 - as gRPC calls it
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return the method."""

        async def stream(_request: bytes, _context: object) -> AsyncIterator[bytes]:
            while True:
                yield self._message

        return grpc.unary_stream_rpc_method_handler(stream)


@asynccontextmanager
async def serving_grpc(message: bytes) -> AsyncIterator[int]:
    """Run a gRPC server that streams one message for ever, and return its port."""
    server = grpc.aio.server(options=[("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers([_GrpcStream(message)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)
