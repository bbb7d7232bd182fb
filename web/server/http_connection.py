"""HTTP/1.1 connection that bounds what a client sends, and how long it may take to send or read.

uvicorn's own connection reads heads without a bound, and waits for a client without an end. Its
other parser bounds heads, but takes several times as long. Here a head is bounded in bytes and in
headers. Head, body and answer have deadlines, and `web.server.connection_limits` counts
connections, requests and bodies.
"""

from __future__ import annotations

import enum
import math
import re
from collections import deque
from dataclasses import dataclass
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from engine.observability import metrics
from web.request_threads import CLIENT
from web.server import refusals
from web.server.connection_limits import ConnectionLimits
from web.server.refusals import Refusal

PIECE_BYTES = 16_384  # that the parser reads between two checks
URL_BYTES_MAX = 8_192
HEAD_BYTES_MAX = 32_768
HEADERS_MAX = 100
PIPELINE_MAX = 8  # requests that wait for the answer to one before them
# Parts of a body: chunks, or what comes in one segment. So many may be of any size; of more, each
# needs so many bytes on average.
PARTS_MAX = 1_000
PART_BYTES_MIN = 32
CHUNK_BYTES_MAX = 65_536  # of sizes and extensions of chunks, beside half of the body's bytes
DISCARD_BYTES_MAX = 16 * 1_048_576
HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")


class Phase(enum.Enum):
    """What the connection reads next."""

    HEAD = enum.auto()
    BODY = enum.auto()
    NOTHING = enum.auto()  # it discards what comes, and closes


@dataclass(slots=True)
class RequestShare:
    """What a request under way counts for: its client's address, and the bytes of its body.

    `cycle` tells the application of the disconnect.
    """

    address: str
    body_bytes: int = 0
    cycle: RequestResponseCycle | None = None


class HttpConnection(HttpToolsProtocol):
    """Connection of uvicorn with bounds and deadlines."""

    def __init__(self, *, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(**options)
        self._limits = limits
        self._bounds = limits.bounds
        self._phase = Phase.HEAD
        self._has_begun = False  # to read a message
        self._refusal: Refusal | None = None  # of a parser's callback
        self._read_deadline = self._write_deadline = self._close_deadline = math.inf
        self._wire_bytes = self._parsed_bytes = self._body_bytes = self._parts = 0
        self._discarded_bytes = 0
        self._body_start = 0.0
        self._address = ""  # of the peer, while the connection counts for it
        self._requests: deque[RequestShare] = deque()  # under way, the oldest first

    # Connection

    def connection_made(self, transport: Any) -> None:
        """Count the connection, or close it when it is one too many."""
        super().connection_made(transport)
        # Proxies may open connections in advance.
        hops, bounds = self._bounds.proxy_hops, self._bounds
        seconds = bounds.idle_seconds if hops else bounds.head_seconds
        self._read_deadline = self.loop.time() + seconds
        if not self._limits.add(self, self.loop):
            self._close_with(refusals.PROCESS_BUSY)
            return
        self._limits.start_wait(self)
        if hops:
            return
        address = self._limits.read_address(self._peer(), [])
        if self._limits.count(address):
            self._address = address
        else:
            self._close_with(refusals.CONNECTIONS_TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Discount the connection and its requests."""
        self._end_counts()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection without another byte."""
        self._end_counts()
        self.transport.abort()

    def _end_counts(self) -> None:
        self._limits.remove(self)
        for request in self._requests:  # uvicorn tells only the last one
            if request.cycle is not None:
                request.cycle.disconnected = True
                request.cycle.message_event.set()
        while self._requests:
            self._end_request()
        if self._address:
            self._limits.discount(self._address)
            self._address = ""

    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    # Reading

    @property
    def reads_head(self) -> bool:
        """Tell whether a part of a request's head has come."""
        return self._phase is Phase.HEAD and self._has_begun

    def data_received(self, data: bytes) -> None:
        """Parse what the client has sent, piece by piece."""
        self._unset_keepalive_if_required()
        if self._read_deadline == math.inf:  # at the first byte after an answer
            self._read_deadline = self.loop.time() + self._bounds.head_seconds
        for start in range(0, len(data), PIECE_BYTES):
            if self.transport.is_closing():
                return
            if self._phase is Phase.NOTHING:
                self._discard(len(data) - start)
                return
            self._parse(data[start : start + PIECE_BYTES])

    def _parse(self, piece: bytes) -> None:
        self._wire_bytes += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            # The request is answered as one without the header (RFC 9110 section 7.8), and closes.
            self._phase = Phase.NOTHING
        except httptools.HttpParserError:
            self.refuse(self._refusal or refusals.MALFORMED)
        else:
            if self._phase is Phase.HEAD and self._wire_bytes > HEAD_BYTES_MAX + PIECE_BYTES:
                self.refuse(refusals.HEAD_TOO_LARGE)
            elif self._phase is Phase.BODY and self._has_much_framing():
                self.refuse(refusals.BODY_FRAGMENTED)

    def _has_much_framing(self) -> bool:
        return self._wire_bytes - self._body_bytes * 3 // 2 > CHUNK_BYTES_MAX + PIECE_BYTES

    def _discard(self, size: int) -> None:
        """Read what a client sends that has been refused, so that it can read the refusal."""
        self._discarded_bytes += size
        if self._discarded_bytes > DISCARD_BYTES_MAX:
            self.abort()

    # Callbacks of the parser; an exception ends the parsing.

    def on_message_begin(self) -> None:
        """Start the deadline of the head."""
        super().on_message_begin()
        self._has_begun = True
        self._parsed_bytes = 0
        self._read_deadline = self.loop.time() + self._bounds.head_seconds

    def on_url(self, url: bytes) -> None:
        """Read a part of the URL.

        :raises ValueError: when it is too long.
        """
        self._count_parsed(len(url), URL_BYTES_MAX, refusals.URL_TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header; those behind a body are dropped (RFC 9110 section 6.5.1).

        :raises ValueError: when the head has too many headers, or too long ones.
        """
        self._count_parsed(len(name) + len(value), HEAD_BYTES_MAX, refusals.HEAD_TOO_LARGE)
        if self._phase is Phase.BODY:
            return
        super().on_header(name, value)
        if len(self.headers) > HEADERS_MAX:
            self._fail(refusals.HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Check the head and pass the request on.

        :raises ValueError: when it is refused.
        """
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1 and (hosts or self.parser.get_http_version() != "1.0"):
            self._fail(refusals.HOST_AMBIGUOUS)
        if hosts and not HOST.fullmatch(hosts[0]):
            self._fail(refusals.HOST_AMBIGUOUS)
        if self.parser.should_upgrade() and self._announces_body():
            self._fail(refusals.UPGRADE_WITH_BODY)  # the parser would take the body for the rest
        address = self._address or self._limits.read_address(self._peer(), self.headers)
        if len(self.pipeline) >= PIPELINE_MAX or (
            not self._address and not self._limits.count(address)
        ):
            self._fail(refusals.CONNECTIONS_TOO_MANY)
        self._requests.append(RequestShare(address))
        self.scope["state"][CLIENT] = address
        super().on_headers_complete()
        self._requests[-1].cycle = self.cycle
        self._phase = Phase.BODY
        self._wire_bytes = self._body_bytes = self._parts = 0
        self._body_start = self.loop.time()
        self._set_body_deadline()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def _announces_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.headers
        )

    def on_body(self, body: bytes) -> None:
        """Read a part of the body.

        :raises ValueError: when it comes in small parts, or the memory has no room for it.
        """
        self._body_bytes += len(body)
        self._parts += 1
        if self._parts > PARTS_MAX + self._body_bytes // PART_BYTES_MIN:
            self._fail(refusals.BODY_FRAGMENTED)
        if self._is_answering():  # otherwise uvicorn drops the part
            self._hold(len(body))
            self._set_body_deadline()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the deadline of the body."""
        super().on_message_complete()
        self._phase = Phase.HEAD
        self._has_begun = False
        self._wire_bytes = 0
        self._read_deadline = math.inf
        if self._is_answering():
            self._limits.end_wait(self)

    def _hold(self, size: int) -> None:
        request = self._requests[-1]
        if not self._limits.has_room(request.address, size):
            self._fail(refusals.CONNECTIONS_TOO_MANY)
        if not self._limits.hold(self, request.address, size):
            self._fail(refusals.PROCESS_BUSY)
        request.body_bytes += size

    def _set_body_deadline(self) -> None:
        seconds = self._bounds.body_seconds + self._body_bytes / self._bounds.body_bytes_per_second
        self._read_deadline = self._body_start + seconds

    def _count_parsed(self, size: int, bytes_max: int, refusal: Refusal) -> None:
        self._parsed_bytes += size
        if self._parsed_bytes > bytes_max:
            self._fail(refusal)

    def _fail(self, refusal: Refusal) -> None:
        """Refuse the request from within a callback of the parser.

        :raises ValueError: always; the parser stops at it.
        """
        self._refusal = refusal
        raise ValueError(refusal.code)

    # Answering

    def _is_answering(self) -> bool:
        """Tell whether a request is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Discount the request, and wait for the next one or for the end of the body."""
        self._end_request()
        super().on_response_complete()
        if self._is_answering():  # the next request is under way
            return
        self._limits.start_wait(self)
        now = self.loop.time()
        if self._phase is Phase.BODY:  # answered before its end
            self._read_deadline = now + self._bounds.linger_seconds
        elif self._has_begun:
            self._read_deadline = now + self._bounds.head_seconds
        else:
            self._read_deadline = math.inf  # uvicorn has a deadline for the next request

    def _end_request(self) -> None:
        if not self._requests:
            return
        request = self._requests.popleft()
        self._limits.release(request.address, request.body_bytes)
        if not self._address:
            self._limits.discount(request.address)

    def pause_writing(self) -> None:
        """Start the deadline of a client that does not read."""
        super().pause_writing()
        self._write_deadline = self.loop.time() + self._bounds.write_seconds
        self._limits.start_stall(self)

    def resume_writing(self) -> None:
        """End the deadline: the client has read."""
        super().resume_writing()
        self._write_deadline = math.inf
        self._limits.end_stall(self)
        if self._is_answering() and self._phase is not Phase.BODY:
            self._limits.end_wait(self)

    def count_unsent(self) -> int:
        """Return how many bytes of answers the client has not read."""
        return self.transport.get_write_buffer_size()

    # Ends

    def enforce_deadlines(self, now: float) -> None:
        """Close the connection if its client is too slow."""
        if self.transport.is_closing():  # the client does not read the rest
            self._close_deadline = min(self._close_deadline, now + self._bounds.write_seconds)
        if now >= self._write_deadline:
            metrics.REFUSALS.labels("slow_reader").inc()
            self.abort()
        elif now >= self._close_deadline:
            self.abort()
        elif now >= self._read_deadline and not self.transport.is_closing():
            self._time_out(now)

    def _time_out(self, now: float) -> None:
        if self._phase is Phase.BODY and self.flow.read_paused:  # the application has not read
            self._read_deadline = now + self._bounds.body_seconds
        elif self._phase is Phase.BODY:
            self.refuse(refusals.BODY_SLOW)
        elif self._phase is Phase.HEAD and not self._is_answering():
            if self._has_begun:
                self.refuse(refusals.HEAD_SLOW)
            else:  # a browser opens connections in advance, and takes no answer before a request
                self.transport.close()

    def refuse(self, refusal: Refusal) -> None:
        """Answer a request that does not reach its end, and close the connection."""
        metrics.REFUSALS.labels(refusal.code).inc()
        is_in_turn = self._is_in_turn()
        if self._is_answering():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not is_in_turn or self.transport.is_closing():
            self.abort()
            return
        self._phase = Phase.NOTHING
        self._close_deadline = self.loop.time() + self._bounds.linger_seconds
        self._limits.start_wait(self)
        self.transport.write(refusal.to_bytes(self.server_state.default_headers))
        self.transport.write_eof()
        self.flow.resume_reading()

    def _is_in_turn(self) -> bool:
        """Tell whether an answer sent now would be taken for that of the request being read."""
        if self._phase is Phase.BODY:
            return not self.pipeline and self._is_answering() and not self.cycle.response_started
        return not self._is_answering()

    def _close_with(self, refusal: Refusal) -> None:
        metrics.REFUSALS.labels(refusal.code).inc()
        self._phase = Phase.NOTHING
        self.transport.write(refusal.to_bytes(self.server_state.default_headers))
        self.transport.close()
