"""Graceful shutdown: closes no connection that may still carry a request.

A proxy may send a request on an idle connection while the server shuts down. If the connection
closes then, the proxy cannot know whether the server has acted on the request, and must fail it. A
proxy does not reuse a connection after `Connection: close` (RFC 9112, section 9.6).
"""

from __future__ import annotations

import select
import socket

from web.server.http_connection import HttpConnection

LINGER_SECONDS = 1.0  # in which an idle connection gets a last request and answers it with close
CHECK_SECONDS = 0.05


class Protocol(HttpConnection):
    """HTTP/1.1 connection that the shutdown closes only when no request is on its way."""

    _shuts_down = False

    def on_headers_complete(self) -> None:
        """Pass the request on; during the shutdown its answer closes the connection."""
        super().on_headers_complete()
        if self._shuts_down:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Answer requests with `Connection: close`, and close the connection when no more come."""
        self._shuts_down = True
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False
        self.loop.call_later(LINGER_SECONDS, self._close)

    def _close(self) -> None:
        if self.transport.is_closing():
            return
        is_idle = self.cycle is None or self.cycle.response_complete
        connection = self.transport.get_extra_info("socket")
        if is_idle and not self.reads_head and not _has_unread_data(connection):
            self.transport.close()
        else:
            self.loop.call_later(CHECK_SECONDS, self._close)


def _has_unread_data(connection: socket.socket) -> bool:
    """Tell whether the kernel has received data that nobody has read."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
