"""ASGI application of the web process: streams and long polls on the loop, all else in Flask."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType
from typing import Any

from engine.config.settings import Settings
from engine.observability import logging, tracing
from engine.observability.metrics_publisher import Publisher
from web.app import STREAM_THREADS, create_app
from web.realtime.execution_events import ExecutionEventStream, is_execution_stream
from web.realtime.flask_bridge import Receive, Scope, Send
from web.realtime.hub import Hub
from web.realtime.long_poll import LongPoll, is_long_poll
from web.realtime.stream_quota import RENEWALS, StreamQuota
from web.realtime.sync_events import SyncEventStream, is_sync_stream
from web.routes import metrics
from web.server.wsgi_adapter import WsgiAdapter


class Application:
    """ASGI application of four parts: Flask, two kinds of streams, and long polls."""

    def __init__(self, settings: Settings) -> None:
        tracing.configure(settings, metrics.PROCESS)
        app = create_app(settings)
        self.flask = WsgiAdapter(
            app, app.extensions["request_threads"], stream_threads=STREAM_THREADS
        )
        self.hub = Hub(settings.need("redis_url"))
        self.quota = StreamQuota(
            settings.need("redis_url"),
            streams_max=settings.streams_per_account_max,
            seconds=RENEWALS * settings.heartbeat_seconds,
        )
        self.sync_stream = SyncEventStream(app, settings, self.hub, self.quota)
        self.execution_stream = ExecutionEventStream(app, settings, self.hub, self.quota)
        self.long_poll = LongPoll(app, settings, self.hub)
        self.publisher = Publisher(settings, metrics.PROCESS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route a request to the part that answers it."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif is_sync_stream(scope):
            await self.sync_stream(scope, receive, send)
        elif is_execution_stream(scope):
            await self.execution_stream(scope, receive, send)
        elif is_long_poll(scope):
            await self.long_poll(scope, receive, send)
        else:
            await self.flask(scope, receive, send)

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        """Start and stop the parts with the server (ASGI lifespan protocol)."""
        await receive()
        self.hub.start()
        self.quota.start()
        self.publisher.start(serve=False)
        _run_before_handler(signal.SIGTERM, self._close)
        _run_before_handler(signal.SIGINT, self._close)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.hub.stop()
        await self.quota.stop()
        await asyncio.to_thread(self.publisher.stop)
        await asyncio.to_thread(tracing.close)
        await send({"type": "lifespan.shutdown.complete"})

    def _close(self) -> None:
        """End all waits; the clients reconnect to another process."""
        self.hub.close()
        self.flask.flask.extensions["temporal"].close()


def _run_before_handler(signum: signal.Signals, action: Any) -> None:
    """Run `action` before the server's own handler, which waits for open streams to end first."""
    own_handler = signal.getsignal(signum)

    def handler(number: int, frame: FrameType | None) -> None:
        action()
        if callable(own_handler):
            own_handler(number, frame)

    signal.signal(signum, handler)


_settings = Settings.from_env()
logging.configure(_settings)
application = Application(_settings)
