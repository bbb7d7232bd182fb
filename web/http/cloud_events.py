"""CloudEvents in a request (HTTP protocol binding 1.0.2): structured, batched or binary."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote

import orjson
from flask import Request
from werkzeug.datastructures import Headers

from engine.crypto.jwe import is_compact_jwe
from engine.errors import Fault, InvalidError
from engine.language import cloud_events
from web.http import json_bodies
from web.http.problems import MediaTypeError
from web.schemas.events import BATCH_MAX

ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


def read(request: Request) -> list[Any]:
    """Return the events of a request: objects, or JWE strings, which only the engine can check.

    :raises MediaTypeError: when the content type is none for events.
    :raises MalformedError: when a JSON body is no JSON.
    :raises InvalidError: `event_invalid`, with the place; `events_too_many`.
    """
    if request.mimetype not in {ONE, BATCH} and "ce-specversion" in request.headers:
        content: Any = _binary(request)
    elif request.mimetype in {ONE, BATCH, "application/json"}:
        content = json_bodies.load(request.get_data(cache=True))
    else:
        detail = f"The body must be {ONE}, {BATCH} or application/json."
        raise MediaTypeError("unsupported_media_type", detail)
    is_batch = isinstance(content, list) and request.mimetype != ONE
    if request.mimetype == BATCH and not is_batch:
        raise _invalid("", "must be an array")
    events = content if is_batch else [content]
    if len(events) > BATCH_MAX:
        faults = [Fault("", f"may have {BATCH_MAX} items")]
        raise InvalidError("events_too_many", "The request has too many events.", faults=faults)
    for index, event in enumerate(events):
        _check(event, f"/{index}" if is_batch else "")
    return events


def _check(event: Any, pointer: str) -> None:
    if is_compact_jwe(event):
        return
    fault = cloud_events.find_fault(event)
    if fault is not None:
        member, detail = fault
        raise _invalid(f"{pointer}/{member}" if member else pointer, detail)
    try:
        orjson.dumps(event)
    except TypeError:
        raise _invalid(pointer, "must not contain a lone surrogate") from None


def _binary(request: Request) -> dict[str, Any]:
    """Return the event of headers and body (HTTP protocol binding, section 3.1)."""
    event: dict[str, Any] = _attributes(request.headers)
    data, media = request.get_data(cache=True), request.mimetype
    if request.content_type:
        event["datacontenttype"] = request.content_type
    if not data:
        return event
    if media == "application/json" or media.endswith("+json"):
        return event | {"data": json_bodies.load(data)}
    if media.startswith("text/"):
        try:
            return event | {"data": data.decode()}
        except UnicodeDecodeError:
            pass
    return event | {"data_base64": base64.b64encode(data).decode()}


def _attributes(headers: Headers) -> dict[str, str]:
    return {
        name.lower().removeprefix("ce-"): unquote(value.strip('"'))
        for name, value in headers.items()
        if name.lower().startswith("ce-")
    }


def _invalid(pointer: str, detail: str) -> InvalidError:
    return InvalidError(
        "event_invalid", "The body is no CloudEvent.", faults=[Fault(pointer, detail)]
    )
