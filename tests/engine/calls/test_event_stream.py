"""Server-sent events are the same events however the stream is cut."""

from __future__ import annotations

import pytest

from engine.calls.event_stream import EventStreamParser

pytestmark = pytest.mark.unit

STREAM = (
    "\ufeff: hi\r\ndata: ä\r\ndata:b\n\rid: 1\r\revent: x\n\ndata\n\ndata: c\r\n\r\nda".encode()
)
EVENTS = ["ä\nb", "", "c"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_an_event_ends_at_an_empty_line(size: int) -> None:
    parser = EventStreamParser()
    parts = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    assert [event for part in parts for event in parser.feed(part)] == EVENTS


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    assert EventStreamParser().feed(b"data: \xff\n\n") == ["\ufffd"]
