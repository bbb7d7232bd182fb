"""CloudEvents in requests, as JSON Schemas for the documents, and the answer."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from engine.language.cloud_events import REQUIRED, TEXT_CHARACTERS_MAX

BATCH_MAX = 100

_TEXT = {"type": "string", "minLength": 1, "maxLength": TEXT_CHARACTERS_MAX}
_URI = _TEXT | {"pattern": "^[!-~]+$"}
_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)$"
_EXTENSION: dict[str, Any] = {
    "oneOf": [
        _TEXT,
        {"type": "boolean"},
        {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    ]
}
EVENT: dict[str, Any] = {
    "type": "object",
    "description": "A CloudEvent (1.0.2, JSON format), or a string: a JWE of one to the engine.",
    "required": list(REQUIRED),
    "properties": {
        "id": _TEXT,
        "source": _URI,
        "specversion": {"type": "string", "enum": ["1.0"]},
        "type": _TEXT,
        "subject": _TEXT,
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": _TEXT,
        "dataschema": _URI,
        "data": {},
        "data_base64": {"type": "string", "pattern": _BASE64},
    },
    "propertyNames": {"pattern": "^(?:[a-z0-9]{1,64}|data_base64)$"},
    "additionalProperties": _EXTENSION,
    "not": {"required": ["data", "data_base64"]},
}
BATCH: dict[str, Any] = {"type": "array", "items": EVENT, "maxItems": BATCH_MAX}
BODY: dict[str, Any] = {
    "required": True,
    "description": "One event or several. With `ce-` headers the body is the event's data.",
    "content": {
        "application/cloudevents+json": {"schema": EVENT},
        "application/cloudevents-batch+json": {"schema": BATCH},
        "application/json": {"schema": {"oneOf": [EVENT, BATCH]}},
    },
}


class AcceptedSchema(Schema):
    """Number of accepted events; they are delivered a moment later."""

    accepted = fields.Integer(required=True)
