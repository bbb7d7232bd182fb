"""Parser of server-sent events that reads each byte once, however the stream is cut."""

from __future__ import annotations

import codecs


class EventStreamParser:
    """Parser of one stream (WHATWG HTML section 9.2)."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line: list[str] = []  # parts of the line that has not ended
        self._data: list[str] = []  # lines of the event that has not ended
        self._is_start, self._is_after_return = True, False

    def feed(self, part: bytes) -> list[str]:
        """Return the data of the events that end in the next part of the stream."""
        text = self._decoder.decode(part)
        if not text:
            return []
        if self._is_start:
            text, self._is_start = text.removeprefix("\ufeff"), False
        if self._is_after_return:
            text = text.removeprefix("\n")  # of the pair that the last part began
        if text:
            self._is_after_return = text.endswith("\r")
        *lines, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        events = list[str]()
        for line in lines:
            self._line.append(line)
            self._end_line(events)
        if rest:
            self._line.append(rest)
        return events

    def _end_line(self, events: list[str]) -> None:
        line = "".join(self._line)
        self._line.clear()
        if line == "data" or line.startswith("data:"):
            self._data.append(line.partition(":")[2].removeprefix(" "))
        elif not line and self._data:
            events.append("\n".join(self._data))
            self._data.clear()
