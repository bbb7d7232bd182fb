"""Hostile JSON-RPC servers: each call ends within its limits, with an error of the language."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain, repeat

import pytest
from temporalio.exceptions import ApplicationError

from engine.activities.mcp_and_a2a import STATELESS_SINCE, McpAndA2aActivities
from engine.calls.http import HttpCaller
from engine.calls.json_rpc import ERROR_CHARACTERS_MAX
from engine.contracts.calls import HttpCall, McpCall
from engine.egress.guard import Egress
from engine.interpreter.constructs.call_mcp import VERSIONS
from engine.language.errors import STANDARD

pytestmark = pytest.mark.unit


JSON, SSE = "application/json", "text/event-stream"
WITH_SESSION = next(version for version in VERSIONS if version < STATELESS_SINCE)
Body = Callable[[], Iterator[bytes]]


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def once(*parts: bytes) -> Body:
    return lambda: iter(parts)


def without_end(part: bytes, *first: bytes) -> Body:
    return lambda: chain(first, repeat(part))


NOTICE = b'{"jsonrpc": "2.0", "method": "notifications/progress"}'
NESTED = b'{"jsonrpc": "2.0", "id": 1, "result": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
SWIFT: dict[str, tuple[str, str, Body]] = {  # the kind of error, the media type, the body
    "notices without end": ("communication", SSE, without_end(event(NOTICE) * 100)),
    "comments without end": ("communication", SSE, without_end(b":\n\n" * 1_000)),
    "one line without end": ("communication", SSE, without_end(b"x" * 10_000, b"data: ")),
    "empty lines without end": ("communication", SSE, without_end(b"\n" * 10_000)),
    "questions without end": (
        "communication",
        SSE,
        without_end(event(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}') * 100),
    ),
    "wrong ids without end": (
        "communication",
        SSE,
        without_end(event(b'{"jsonrpc": "2.0", "id": 7, "result": {}}') * 100),
    ),
    "JSON without end": ("communication", JSON, without_end(b"[" * 10_000)),
    "a wrong id": ("runtime", JSON, once(b'{"jsonrpc": "2.0", "id": 2, "result": {}}')),
    "an id that only equals": (
        "runtime",
        JSON,
        once(b'{"jsonrpc": "2.0", "id": true, "result": {}}'),
    ),
    "an id that is text": (
        "runtime",
        SSE,
        once(event(b'{"jsonrpc": "2.0", "id": "1", "result": {}}')),
    ),
    "no error and no result": (
        "runtime",
        JSON,
        once(b'{"jsonrpc": "2.0", "id": 1, "error": null}'),
    ),
    "an error that is none": (
        "runtime",
        JSON,
        once(b'{"jsonrpc": "2.0", "id": 1, "error": [1, [2]]}'),
    ),
    "an error without end": (
        "runtime",
        JSON,
        once(b'{"id": 1, "error": {"code": 1, "message": "' + b"x" * 900_000 + b'"}}'),
    ),
    "nested without measure": ("runtime", JSON, once(NESTED)),
    "nested in an event": ("runtime", SSE, once(event(NESTED))),
    "garbage in an event": ("runtime", SSE, once(event(b"\xff\xfe{{{"))),
    "a number too long to read": (
        "runtime",
        JSON,
        once(b'{"id": 1, "result": ' + b"9" * 100_000 + b"}"),
    ),
    "a list of answers": ("runtime", JSON, once(b'[{"jsonrpc": "2.0", "id": 1, "result": {}}]')),
    "nothing": ("runtime", SSE, once()),
}
SLOW: dict[str, tuple[str, Body]] = {  # the media type, the body, a part each twentieth of a second
    "a drip of bytes": (SSE, without_end(b"x")),
    "a drip of events": (SSE, without_end(event(NOTICE))),
    "silence": (JSON, without_end(b"")),
}


@contextlib.asynccontextmanager
async def serving(media: str, body: Body, *, pause: float = 0) -> AsyncIterator[str]:
    """Run a server that answers everything alike, and return its address."""
    connections: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 200 OK\r\ncontent-type: {media}\r\nconnection: close\r\n\r\n"
            writer.write(head.encode())
            for part in body():
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(answer(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in [*connections]:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def failure_of(host: str, version: str, seconds: float) -> ApplicationError:
    """Return the error of a call."""
    agents = McpAndA2aActivities(HttpCaller(Egress(allow=host)))
    http = HttpCall("POST", f"http://{host}/", timeout_seconds=seconds)
    call = McpCall(http, "tools/call", {"name": "t"}, version, {"name": "c", "version": "1"})
    with pytest.raises(ApplicationError) as failed:
        await agents.mcp(call)
    assert failed.value.type in STANDARD
    assert failed.value.non_retryable
    assert len(failed.value.message) <= ERROR_CHARACTERS_MAX
    return failed.value


@pytest.mark.parametrize("version", [STATELESS_SINCE, WITH_SESSION])
@pytest.mark.parametrize("case", SWIFT)
async def test_what_a_hostile_server_sends_is_bounded(case: str, version: str) -> None:
    kind, media, body = SWIFT[case]
    async with serving(media, body) as host:
        error = await failure_of(host, version, seconds=60)
    assert error.type == kind, error.message


@pytest.mark.parametrize("version", [STATELESS_SINCE, WITH_SESSION])
@pytest.mark.parametrize("case", SLOW)
async def test_a_server_that_takes_its_time_meets_the_calls_own(case: str, version: str) -> None:
    media, body = SLOW[case]
    async with serving(media, body, pause=0.05) as host:
        error = await failure_of(host, version, seconds=0.5)
    assert error.type == "timeout", error.message
