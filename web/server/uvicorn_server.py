"""The web process: uvicorn, on one core or several, stopped such that no request is lost."""

from __future__ import annotations

import asyncio
import signal
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess, multiprocess

from engine.config.settings import Settings
from web.server.graceful_shutdown import Protocol

KEEP_ALIVE_SECONDS = 75  # longer than proxies keep idle connections: they close first
GRACE_SECONDS = 20  # hosts kill after 30
TURNS = 2  # of the loop: it looks for connections in the first and accepts them in the second
STUCK_SECONDS = 60  # a process that does not answer for so long is replaced; starting counts too


class Server(uvicorn.Server):
    """One process' server: on the way out it takes no new connections, and then serves all it has."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept the connections that the kernel has taken, stop listening, and drain."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await super().shutdown(sockets)


class Processes(Multiprocess):
    """Several such processes on one socket, which all end together."""

    def terminate_all(self) -> None:
        """Leave the socket to the processes: the last of them to close it ends it."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


multiprocess.Server = Server  # type: ignore[attr-defined] # its processes make their servers by this name


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status.

    :raises SettingsError: when a setting is malformed.
    """
    settings = Settings.from_env()
    config = uvicorn.Config(
        "web.server.asgi:application",
        host=settings.host,
        port=settings.port,
        workers=settings.web_concurrency,
        http=Protocol,
        ws="none",
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
    # When all is done, uvicorn raises the signal again, which would count as a death by it.
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: None)
    server = Server(config)
    server.run(sockets)
    return 0 if server.started else 1
