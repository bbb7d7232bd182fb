"""CloudEvents (specification 1.0.2) as JSON: what makes one, and what of it a listener reads."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from typing import Any

import orjson

READS = ("data", "envelope", "raw")
REQUIRED = ("id", "source", "specversion", "type")
_TEXTS = (*REQUIRED, "subject", "datacontenttype", "dataschema", "time", "data_base64")
# Section "Naming conventions"; data and data_base64 are members of the JSON format, not attributes.
_NAME = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_URI = re.compile(r"[!-~]+")
TEXT_CHARACTERS_MAX = 2_048


def wrong(event: Any) -> tuple[str, str] | None:
    """Return the member that keeps a value from being a CloudEvent and why, or None."""
    if not isinstance(event, dict):
        return "", "must be an object"
    for name in REQUIRED:
        if name not in event:
            return name, "is missing"
    for name, value in event.items():
        why = wrong_member(name, value)
        if why is not None:
            return name, why
    return (
        ("data_base64", "cannot stand beside data")
        if {"data", "data_base64"} <= event.keys()
        else None
    )


def key(event: dict[str, Any]) -> str:
    """Return what no other event has: two with the same source and id are one event, sent twice."""
    return f"{event['source']} {event['id']}"


def read(event: dict[str, Any], how: str) -> Any:
    """Return what a listener sees of an event (DSL reference, "Listen").

    `envelope` is the whole event. `data` is its data, decoded where it came as base64 of JSON or text. `raw`
    is the data as text, as a producer would have written it: base64 where it is binary, JSON otherwise.
    """
    if how == "envelope":
        return event
    if how == "data":
        return _decoded(event) if "data_base64" in event else event.get("data")
    if "data_base64" in event:
        return event["data_base64"]
    data = event.get("data")
    return (
        data
        if isinstance(data, str)
        else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    )


def instant(text: Any) -> datetime | None:
    """Return the moment an RFC 3339 text means, or None."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None


def wrong_name(name: str) -> str | None:
    """Return why no event can have a member of this name, or None."""
    if name in {"data", "data_base64"} or _NAME.fullmatch(name):
        return None
    return "is no attribute's name: lower-case letters and digits"


def wrong_member(name: str, value: Any) -> str | None:
    """Return why a member cannot be part of an event, or None."""
    if name == "data":
        return None
    misnamed = wrong_name(name)
    if misnamed is not None:
        return misnamed
    if value is None:
        return "must not be null"
    if name not in _TEXTS and not isinstance(value, str):
        # A number is an integer by its value, however it is written (JSON Schema 2020-12, core 4.2.3).
        integral = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        plain = integral and -(2**31) <= value < 2**31
        return None if plain else "must be text, a boolean or an integer of 32 bits"
    if not isinstance(value, str) or not value:
        return "must be a non-empty string"
    return _wrong_text(name, value)


def _wrong_text(name: str, value: str) -> str | None:
    if name == "data_base64":
        return None if _is_base64(value) else "is no base64"
    faults = (
        (len(value) > TEXT_CHARACTERS_MAX, f"may have {TEXT_CHARACTERS_MAX} characters"),
        (name == "specversion" and value != "1.0", "must be 1.0"),
        (name in {"source", "dataschema"} and not _URI.fullmatch(value), "must be a URI reference"),
        (name == "time" and instant(value) is None, "must be an RFC 3339 time"),
    )
    return next((why for wrong, why in faults if wrong), None)


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        return False
    return True


def _decoded(event: dict[str, Any]) -> Any:
    """Return data that came as base64: JSON by default (CloudEvents JSON format, section 3.1.1)."""
    media = str(event.get("datacontenttype", "application/json")).partition(";")[0].strip().lower()
    content = base64.b64decode(event["data_base64"])
    try:
        if media == "application/json" or media.endswith("+json"):
            return orjson.loads(content)
        return content.decode() if media.startswith("text/") else event["data_base64"]
    except ValueError:
        return event["data_base64"]


ANY_TYPE = ""  # stands for all types
