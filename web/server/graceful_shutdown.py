"""How connections end with their server: none that may still carry a request is closed under it.

A proxy may send a request to a server that is about to go in two ways: on a new connection, which the kernel
takes before the server does, and on one that it keeps open. If either is closed with the request on it, the
proxy cannot know whether it was acted on, and has to fail it; a connection that is refused, or whose last
answer said `Connection: close`, it simply does not use (RFC 9112, section 9.6).
"""

from __future__ import annotations

import ctypes
import select
import socket
import struct

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LINGER_SECONDS = 1.0  # in which idle connections come back, and are told to close
LOOK_SECONDS = 0.05
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
# A program of the kernel's packet filter: byte 13 of a TCP header holds the flags, and 2 of them is SYN.
NO_SYN = (
    (0x30, 0, 0, 13),  # load the byte
    (0x45, 0, 1, 0x02),  # go on if SYN is in it, else skip one
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)


def deafen(listener: socket.socket) -> None:
    """Have the kernel leave new connections unanswered, so that those it has taken can be served first.

    Who asks meanwhile asks again a second later, and is refused. Without Linux nothing happens.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in NO_SYN))
    try:
        filtered = struct.pack("HL", len(NO_SYN), ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filtered)
    except OSError:
        return


def hear(listener: socket.socket) -> None:
    """Take new connections again."""
    try:
        listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    except OSError:  # it was not deaf
        return


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
