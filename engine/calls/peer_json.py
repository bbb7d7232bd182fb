"""JSON of peers: what nests too deeply for the readers that follow is no JSON of ours."""

from __future__ import annotations

from typing import Any

import orjson

# orjson reads 1,024 levels, writes 254, and Python's own encoder fails where the stack ends.
DEPTH_CHECKED_MIN = 200


def read_json(text: bytes) -> Any:
    """Return the value of a JSON text.

    :raises ValueError: when it is none, or nests deeper than 254 levels.
    """
    value = orjson.loads(text)
    if text.count(b"[") + text.count(b"{") > DEPTH_CHECKED_MIN:
        try:
            orjson.dumps(value)
        except TypeError:
            raise ValueError("the JSON is nested too deeply") from None
    return value
