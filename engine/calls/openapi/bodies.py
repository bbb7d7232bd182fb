"""The body of an operation's request, in the media type the description asks for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from engine.calls.openapi.parameters import text

FORM, PARTS, JSON = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"
_PREFERRED = (JSON, FORM, PARTS, "text/plain")


def chosen(offered: Sequence[str]) -> str:
    """Return the media type to write of those a description offers: JSON where it may be."""
    for media in _PREFERRED:
        if media in offered:
            return media
    return next(
        (media for media in offered if media.endswith("+json")), offered[0] if offered else JSON
    )


def written(value: Any, media: str) -> tuple[str, str]:
    """Return the body and its Content-Type.

    :raises ValueError: when the value cannot be written in that media type.
    """
    if media == FORM:
        return urlencode([(name, text(item)) for name, item in _fields(value)]), media
    if media == PARTS:
        return _multipart(value)
    if media in {JSON, "*/*"} or media.endswith("+json"):
        return json.dumps(value), JSON if media == "*/*" else media
    if isinstance(value, str):
        return value, media
    raise ValueError(f"a body of {media} must be text")


def _fields(value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise ValueError("a form must be an object")  # noqa: TRY004 - what arguments cannot say is one kind of error
    return [
        (name, item)
        for name, member in value.items()
        for item in (member if isinstance(member, list) else [member])
        if item is not None
    ]


def _multipart(value: Any) -> tuple[str, str]:
    """Return a form in parts (RFC 7578): objects as JSON, everything else as text."""
    boundary, parts = uuid4().hex, ""
    for name, item in _fields(value):
        held = isinstance(item, (dict, list))
        quoted = (
            name.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        )
        parts += f'--{boundary}\r\nContent-Disposition: form-data; name="{quoted}"\r\n'
        parts += (
            f"Content-Type: {JSON}\r\n\r\n{json.dumps(item)}\r\n"
            if held
            else f"\r\n{text(item)}\r\n"
        )
    return f"{parts}--{boundary}--\r\n", f"{PARTS}; boundary={boundary}"
