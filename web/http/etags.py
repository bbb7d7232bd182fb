"""Entity tags: conditional changes and reads (RFC 9110 section 13.1).

If-Match keeps a client from overwriting a state that it never read. If-None-Match saves it from
reading a state that it has.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import request

from engine.errors import EngineError

TAG = r'(W/)?"[\x21\x23-\x7e]*"'
TAGS = rf"^(\*|{TAG}(, ?{TAG})*)$"  # RFC 9110 section 13.1.1
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "ETag of the state to change, or *",
    "schema": {"type": "string", "pattern": TAGS},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags of earlier answers: 304 if the state still has one of them. "
    "A text that is no list of ETags has no effect.",
    "schema": {"type": "string"},
}
RESPONSE_HEADERS = {"ETag": {"schema": {"type": "string"}}}


class PreconditionRequiredError(EngineError):
    """The request changes a state but has no If-Match."""


class PreconditionFailedError(EngineError):
    """The state changed after the client read it."""


def make_header(*members: Any) -> dict[str, str]:
    """Return the ETag header for the members that clients can change."""
    return {"ETag": f'"{_compute_tag(members)}"'}


def check(*members: Any) -> None:
    """Return when the request's If-Match names the current members.

    :raises PreconditionRequiredError: without an If-Match.
    :raises PreconditionFailedError: when it names other members.
    """
    if not request.if_match:
        raise _precondition_required()
    if not request.if_match.contains(_compute_tag(members)):
        raise _precondition_failed()


def make_version_header(version: int, *members: Any) -> dict[str, str]:
    """Return the ETag header for a versioned object, whose other members no request changes."""
    return {"ETag": f'"{version}-{_compute_tag(members)}"'}


def check_version(version: int) -> None:
    """Return when the request's If-Match names the current version.

    The other members are not compared: a client has to know what it overwrites, no more.

    :raises PreconditionRequiredError: without an If-Match.
    :raises PreconditionFailedError: when it names another version.
    """
    if not request.if_match:
        raise _precondition_required()
    # Werkzeug returns empty tags for a header that is not a list of tags.
    versions = {tag.partition("-")[0] for tag in request.if_match.as_set() if tag}
    if not request.if_match.star_tag and str(version) not in versions:
        raise _precondition_failed()


def has_precondition() -> bool:
    """Return whether the request has an If-Match."""
    return bool(request.if_match)


def is_current(*members: Any) -> bool:
    """Return whether the request's If-None-Match names the current members."""
    return request.if_none_match.contains_weak(_compute_tag(members))


def is_current_header(header: dict[str, str]) -> bool:
    """Return whether the request's If-None-Match names the tag of an ETag header."""
    return request.if_none_match.contains_weak(header["ETag"].strip('"'))


def _compute_tag(members: tuple[Any, ...]) -> str:
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()[:32]


def _precondition_required() -> PreconditionRequiredError:
    detail = "Send If-Match with the ETag of the state to change, or *."
    return PreconditionRequiredError("precondition_required", detail)


def _precondition_failed() -> PreconditionFailedError:
    detail = "The state changed after you read it; read it again."
    return PreconditionFailedError("precondition_failed", detail)
