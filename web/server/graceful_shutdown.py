"""How connections end with their server: none that may still carry a request is closed under it.

A proxy may send a request on a connection that it keeps open while the server is about to go. If the
connection closes with the request on it, the proxy cannot know whether it was acted on, and has to fail it.
A connection whose last answer said `Connection: close` it does not use again (RFC 9112, section 9.6).
"""

from __future__ import annotations

import select
import socket

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LINGER_SECONDS = 1.0  # in which idle connections come back, and are told to close
LOOK_SECONDS = 0.05


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 whose idle connections are closed with their server only when no request is under way."""

    _reading = False  # the head of a request
    _leaving = False

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._reading = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hand the request over; the answer to the last one says that the connection closes."""
        super().on_headers_complete()
        self._reading = False
        if self._leaving:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Answer what is asked, say that the connection closes, and close it when nothing more comes."""
        self._leaving = True
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False
        self.loop.call_later(LINGER_SECONDS, self._leave)

    def _leave(self) -> None:
        if self.transport.is_closing():
            return
        answered = self.cycle is None or self.cycle.response_complete
        if (
            answered
            and not self._reading
            and not _readable(self.transport.get_extra_info("socket"))
        ):
            self.transport.close()
        else:
            self.loop.call_later(LOOK_SECONDS, self._leave)


def _readable(connection: socket.socket) -> bool:
    """Tell whether something has come that nobody has read."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
