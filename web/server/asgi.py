"""The one callable of the web process: what waits natively, everything else into Flask."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType
from typing import Any

from engine.config.settings import Settings
from engine.observability import logging, tracing
from engine.observability.metrics_publisher import Publisher
from web.app import create_app
from web.realtime.execution_events import Progress, follows
from web.realtime.flask_bridge import Receive, Scope, Send
from web.realtime.hub import Hub
from web.realtime.long_poll import Polls, asks_to_wait
from web.realtime.stream_quota import RENEWALS, Places
from web.realtime.sync_events import PATH, Events
from web.routes import metrics
from web.server.wsgi_adapter import FlaskUnderAsgi


class Application:
    """An ASGI application of four parts, and their life cycle."""

    def __init__(self, settings: Settings) -> None:
        tracing.configure(settings, metrics.PROCESS)
        app = create_app(settings)
        self.flask = FlaskUnderAsgi(app, threads=settings.web_threads)
        self.hub = Hub(settings.need("redis_url"))
        self.places = Places(
            settings.need("redis_url"),
            most=settings.streams_per_account_max,
            seconds=RENEWALS * settings.heartbeat_seconds,
        )
        self.events = Events(app, settings, self.hub, self.places)
        self.progress = Progress(app, settings, self.hub, self.places)
        self.polls = Polls(app, settings, self.hub)
        self.publisher = Publisher(settings, metrics.PROCESS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a request to the part that answers it."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and (scope["method"], scope["path"]) == ("GET", PATH):
            await self.events(scope, receive, send)
        elif scope["type"] == "http" and follows(scope):
            await self.progress(scope, receive, send)
        elif scope["type"] == "http" and asks_to_wait(scope):
            await self.polls(scope, receive, send)
        else:
            await self.flask(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start and stop with the server (ASGI lifespan protocol)."""
        await receive()
        self.hub.start()
        self.places.start()
        self.publisher.start(serve=False)
        _before_signal(signal.SIGTERM, self._close)
        _before_signal(signal.SIGINT, self._close)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.hub.stop()
        await self.places.stop()
        await asyncio.to_thread(self.publisher.stop)
        await asyncio.to_thread(tracing.close)
        await send({"type": "lifespan.shutdown.complete"})

    def _close(self) -> None:
        """Let go of whoever waits; they ask again elsewhere."""
        self.hub.close()
        self.flask.flask.extensions["temporal"].close()


def _before_signal(signum: signal.Signals, act: Any) -> None:
    """Act before the server's own handler, which waits for open streams before it tells us to stop."""
    known = signal.getsignal(signum)

    def handler(number: int, frame: FrameType | None) -> None:
        act()
        if callable(known):
            known(number, frame)

    signal.signal(signum, handler)


_settings = Settings.from_env()
logging.configure(_settings)
application = Application(_settings)
