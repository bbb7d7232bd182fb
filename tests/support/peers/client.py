"""Process that calls hostile peers, and measures its event loop and its memory meanwhile.

It reads a call as JSON from each line of standard input, and writes what it measured as JSON.
The processor time of a thread does not grow while the machine is busy with others.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
import time
from asyncio import events
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from engine.activities.asyncapi import AsyncApiActivities
from engine.activities.grpc import GrpcActivities
from engine.activities.http import HttpActivities
from engine.activities.mcp_and_a2a import STATELESS_SINCE, McpAndA2aActivities
from engine.activities.openapi import OpenApiActivities
from engine.calls.http import HttpCaller
from engine.contracts.calls import A2aCall, AsyncApiCall, GrpcCall, HttpCall, McpCall, OpenApiCall
from engine.contracts.payload_converter import TYPED_JSON
from engine.crypto.keyring import Keyring
from engine.egress.guard import Egress
from engine.errors import EngineError
from engine.language import json_and_yaml
from engine.notifications.deliveries import ChannelDelivery
from engine.notifications.sender import NotificationSender
from engine.notifications.vapid import VapidSigner
from engine.store.accounts import Channel

ACCOUNT_ID = UUID(int=1)


@dataclass(frozen=True, slots=True)
class PeerCall:
    """Call of a protocol at a port of the loopback; `document` is the port of its description."""

    protocol: str
    port: int
    document: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """Result of a call: its error, the longest callback, and the growth of the memory."""

    error: str
    longest_callback: float  # in seconds of the thread's processor time
    growth_bytes: int


def http(port: int, seconds: float, **members: Any) -> HttpCall:
    return HttpCall("GET", f"http://127.0.0.1:{port}/", timeout_seconds=seconds, **members)


def asyncapi(call: PeerCall, server: str) -> AsyncApiCall:
    return AsyncApiCall(
        document=http(call.document, 10),
        operation="receive",
        channel=None,
        server=server,
        protocol=None,
        variables={},
        authentication=None,
        timeout_seconds=call.seconds,
        subscription=server,
        count_max=100,
        linger=True,
        every=True,
    )


def make_work(call: PeerCall) -> tuple[Callable[[Any], Awaitable[Any]], Any]:
    """Return the activity of a call, and its argument."""
    host = f"127.0.0.1:{call.port}"
    caller = HttpCaller(Egress(allow=f"{host},127.0.0.1:{call.document}"))
    own, client = http(call.port, call.seconds, redirect=True), {"name": "c", "version": "1"}
    agents, messages = McpAndA2aActivities(caller), AsyncApiActivities(caller)
    policy = {"oauth2": {"authority": f"http://{host}", "grant": "client_credentials"}}
    proto = http(call.document, 10)
    works: dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]] = {
        "http": (HttpActivities(caller).call, own),
        "oauth": (HttpActivities(caller).call, replace(own, authentication=policy)),
        "openapi": (OpenApiActivities(caller).compose, OpenApiCall(own, "none", {})),
        "mcp": (agents.mcp, McpCall(own, "tools/call", {"name": "t"}, STATELESS_SINCE, client)),
        "a2a": (agents.a2a, A2aCall(own, carded=False, method="message/stream", parameters={})),
        "a2a card": (agents.a2a, A2aCall(own, carded=True, method="message/send", parameters={})),
        "grpc": (
            GrpcActivities(caller).call,
            GrpcCall(proto, "Peer", "127.0.0.1", call.port, "Receive", {}),
        ),
        "webhook": (send_notice, call),
        "document": (read_document, own),
    }
    server = call.protocol.removeprefix("asyncapi ")
    return works.get(call.protocol) or (messages.consume, asyncapi(call, server))


async def read_document(call: HttpCall) -> str:
    """Fetch a function of a catalog or a schema, and read it where workflow tasks read it."""
    caller = HttpCaller(Egress(allow=call.uri.removeprefix("http://").rstrip("/")))
    content = (await HttpActivities(caller).call(call)).content
    if isinstance(content, str):
        try:
            await asyncio.to_thread(json_and_yaml.read, content)
        except EngineError as error:
            return error.code
    return ""


async def send_notice(call: PeerCall) -> str | None:
    """Deliver a test notice to a webhook."""
    host = f"127.0.0.1:{call.port}"
    ring, channel_id = Keyring({"k": b"k" * 32}), UUID(int=2)
    channel = Channel(
        id=channel_id,
        account_id=ACCOUNT_ID,
        agent_id="a",
        kind="webhook",
        endpoint=f"http://{host}/",
        secret=ring.wrap(b"s" * 32, channel_id),
        created_at=datetime.now(UTC),
    )
    sender = NotificationSender(
        Egress(allow=host, heads_only=True), ring, VapidSigner({}, "mailto:o@example.org")
    )
    delivery = ChannelDelivery(channel, datetime.now(UTC), None, UUID(int=3))
    return (await sender.send(delivery, now=datetime.now(UTC))).error


async def execute(call: PeerCall) -> str:
    """Make a call and encode its result as the worker does; return the kind of its error."""
    work, argument = make_work(call)
    try:
        async with asyncio.timeout(call.seconds + 30):
            result = await ActivityEnvironment().run(work, argument)
        TYPED_JSON.to_payload(result)
    except ApplicationError as error:
        return f"{error.type}: {error.message}"
    except TimeoutError:
        return "never"
    except Exception as error:  # noqa: BLE001 - a measurement is reported whatever happens
        return type(error).__name__
    return str(result) if call.protocol in ("webhook", "document") else ""


def memory(name: str) -> int:
    """Return a figure of this process's memory in bytes."""
    match = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return 1024 * int(match[1])


def measure(call: PeerCall) -> Measurement:
    """Make a call on an event loop whose callbacks are timed."""
    longest, run = 0.0, events.Handle._run  # noqa: SLF001 - where asyncio runs every callback

    def run_timed(handle: events.Handle) -> None:
        nonlocal longest
        before = time.thread_time()
        run(handle)
        longest = max(longest, time.thread_time() - before)

    gc.collect()
    gc.freeze()  # what was there before is not the peer's
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    events.Handle._run = run_timed  # type: ignore[method-assign, assignment] # noqa: SLF001 - as above
    try:
        error = asyncio.run(execute(call))
    finally:
        events.Handle._run = run  # type: ignore[method-assign] # noqa: SLF001 - as above
    return Measurement(error, longest, memory("VmHWM") - before)


def serve() -> None:
    """Answer each line of standard input."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asdict(measure(PeerCall(**json.loads(line))))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
