"""Uvicorn as the web process, on one core or several, with a shutdown that loses no request."""

from __future__ import annotations

import asyncio
import functools
import resource
import signal
import socket
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess, multiprocess

from engine.config.settings import Settings
from web.server.connection_limits import (
    CONNECTIONS_MAX,
    FILES_RESERVED,
    KEEP_ALIVE_SECONDS,
    ConnectionBounds,
    ConnectionLimits,
)
from web.server.graceful_shutdown import Protocol

GRACE_SECONDS = 20  # hosting platforms kill after 30
LOOP_TURNS = 2  # the loop finds connections in the first and accepts them in the second
STUCK_SECONDS = 60  # without an answer, start included, after which a process is replaced


class Server(uvicorn.Server):
    """Server of one process, which answers all accepted connections before it stops."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept the connections in the kernel's queue, stop listening, and answer all requests."""
        for _ in range(LOOP_TURNS):
            await asyncio.sleep(0)
        await super().shutdown(sockets)


class Processes(Multiprocess):
    """Supervisor of several such processes on one socket, which stop together."""

    def terminate_all(self) -> None:
        """Close the supervisor's socket, so that it ends with the last process."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


multiprocess.Server = Server  # type: ignore[attr-defined] # the supervisor's processes use this name


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status.

    :raises SettingsError: when a setting is malformed.
    """
    settings = Settings.from_env()
    _raise_file_limit()
    limits = ConnectionLimits(ConnectionBounds.from_settings(settings))
    protocol: Any = functools.partial(Protocol, limits=limits)
    config = uvicorn.Config(
        "web.server.asgi:application",
        host=settings.host,
        port=settings.port,
        workers=settings.web_concurrency,
        http=protocol,
        ws="none",  # a request to upgrade is answered as one without the header
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_worker_healthcheck=STUCK_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    sockets = [config.bind_socket()]
    if config.workers > 1:
        Processes(config, sockets=sockets).run()
        return 0
    # After the shutdown uvicorn raises the signal again, which would kill the process.
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: None)
    server = Server(config)
    server.run(sockets)
    return 0 if server.started else 1


def _raise_file_limit() -> None:
    """Raise the limit of open files as far as the host allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = CONNECTIONS_MAX + FILES_RESERVED
    if hard != resource.RLIM_INFINITY:
        files = min(files, hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
