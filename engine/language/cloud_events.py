"""CloudEvents (specification 1.0.2) as JSON: their checks, and the parts that a listener reads."""

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
ANY_TYPE = ""  # of a subscription to all types


def find_fault(event: Any) -> tuple[str, str] | None:
    """Return the member that makes a value no CloudEvent, and why; or None."""
    if not isinstance(event, dict):
        return "", "must be an object"
    for name in REQUIRED:
        if name not in event:
            return name, "is missing"
    for name, value in event.items():
        fault = check_member(name, value)
        if fault is not None:
            return name, fault
    return (
        ("data_base64", "cannot stand beside data")
        if {"data", "data_base64"} <= event.keys()
        else None
    )


def identity(event: dict[str, Any]) -> str:
    """Return the identity of an event: two with the same source and id are one event."""
    return f"{event['source']} {event['id']}"


def read(event: dict[str, Any], part: str) -> Any:
    """Return the part of an event that a listener reads (DSL reference, "Listen").

    `envelope` is the whole event. `data` is its data, decoded from base64 if it is JSON or text.
    `raw` is the data as text: base64 if it is binary, else JSON.
    """
    if part == "envelope":
        return event
    if part == "data":
        return _decode(event) if "data_base64" in event else event.get("data")
    if "data_base64" in event:
        return event["data_base64"]
    data = event.get("data")
    return (
        data
        if isinstance(data, str)
        else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    )


def parse_time(text: Any) -> datetime | None:
    """Return the time in an RFC 3339 text, or None."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None


def check_name(name: str) -> str | None:
    """Return why no event can have a member of this name, or None."""
    if name in {"data", "data_base64"} or _NAME.fullmatch(name):
        return None
    return "is no attribute's name: lower-case letters and digits"


def check_member(name: str, value: Any) -> str | None:
    """Return why a member cannot be part of an event, or None."""
    if name == "data":
        return None
    name_fault = check_name(name)
    if name_fault is not None:
        return name_fault
    if value is None:
        return "must not be null"
    if name not in _TEXTS and not isinstance(value, str):
        # A number is an integer by its value, not by its spelling (JSON Schema 2020-12, core
        # 4.2.3).
        integral = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        valid = integral and -(2**31) <= value < 2**31
        return None if valid else "must be text, a boolean or an integer of 32 bits"
    if not isinstance(value, str) or not value:
        return "must be a non-empty string"
    return _check_text(name, value)


def _check_text(name: str, value: str) -> str | None:
    if name == "data_base64":
        return None if _is_base64(value) else "is no base64"
    faults = (
        (len(value) > TEXT_CHARACTERS_MAX, f"may have {TEXT_CHARACTERS_MAX} characters"),
        (name == "specversion" and value != "1.0", "must be 1.0"),
        (name in {"source", "dataschema"} and not _URI.fullmatch(value), "must be a URI reference"),
        (name == "time" and parse_time(value) is None, "must be an RFC 3339 time"),
    )
    return next((fault for applies, fault in faults if applies), None)


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        return False
    return True


def _decode(event: dict[str, Any]) -> Any:
    """Return data that is base64 in the event: JSON by default (JSON format, section 3.1.1)."""
    media = str(event.get("datacontenttype", "application/json")).partition(";")[0].strip().lower()
    content = base64.b64decode(event["data_base64"])
    try:
        if media == "application/json" or media.endswith("+json"):
            return orjson.loads(content)
        return content.decode() if media.startswith("text/") else event["data_base64"]
    except ValueError:
        return event["data_base64"]
