"""Bodies of requests, in a media type that the description offers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from engine.calls.openapi.parameters import to_text

FORM, PARTS, JSON = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"
_PREFERRED = (JSON, FORM, PARTS, "text/plain")


def choose_media_type(media_types: Sequence[str]) -> str:
    """Return the preferred one of the media types that a description offers."""
    for media in _PREFERRED:
        if media in media_types:
            return media
    return next(
        (media for media in media_types if media.endswith("+json")),
        media_types[0] if media_types else JSON,
    )


def encode(value: Any, media: str) -> tuple[str, str]:
    """Return the body and its Content-Type.

    :raises ValueError: when the media type cannot represent the value.
    """
    if media == FORM:
        return urlencode([(name, to_text(item)) for name, item in _fields(value)]), media
    if media == PARTS:
        return _multipart(value)
    if media in {JSON, "*/*"} or media.endswith("+json"):
        return json.dumps(value), JSON if media == "*/*" else media
    if isinstance(value, str):
        return value, media
    raise ValueError(f"a body of {media} must be text")


def _fields(value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise ValueError("a form must be an object")  # noqa: TRY004 - every unsuitable argument is a ValueError
    return [
        (name, item)
        for name, member in value.items()
        for item in (member if isinstance(member, list) else [member])
        if item is not None
    ]


def _multipart(value: Any) -> tuple[str, str]:
    """Return a multipart form (RFC 7578): objects as JSON, other values as text."""
    boundary, parts = uuid4().hex, list[str]()
    for name, item in _fields(value):
        is_json = isinstance(item, (dict, list))
        field_name = (
            name.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        )
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{field_name}"\r\n')
        parts.append(
            f"Content-Type: {JSON}\r\n\r\n{json.dumps(item)}\r\n"
            if is_json
            else f"\r\n{to_text(item)}\r\n"
        )
    return f"{''.join(parts)}--{boundary}--\r\n", f"{PARTS}; boundary={boundary}"
