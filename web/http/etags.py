"""Entity tags: nobody overwrites what they have not seen, or reads what they have (RFC 9110 section 13.1)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import request

from engine.errors import EngineError

TAG = r'(W/)?"[\x21\x23-\x7e]*"'
TAGS = rf"^(\*|{TAG}(, ?{TAG})*)$"  # RFC 9110 section 13.1.1
ASKED = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of what is changed, or *",
    "schema": {"type": "string", "pattern": TAGS},
}
KNOWN = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags that were answered before: 304 when it still has one of them",
    "schema": {"type": "string", "pattern": TAGS},
}
ANSWERED = {"ETag": {"schema": {"type": "string"}}}


class PreconditionRequiredError(EngineError):
    """A change without If-Match."""


class PreconditionFailedError(EngineError):
    """A change of what has changed since."""


def tagged(*members: Any) -> dict[str, str]:
    """Return the ETag header for the members that can be changed."""
    return {"ETag": f'"{_tag(members)}"'}


def check(*members: Any) -> None:
    """Let the request through when its If-Match names what there is now.

    :raises PreconditionRequiredError: without an If-Match.
    :raises PreconditionFailedError: when it names something else.
    """
    if not request.if_match:
        raise _required()
    if not request.if_match.contains(_tag(members)):
        raise _failed()


def tagged_version(version: int, *members: Any) -> dict[str, str]:
    """Return the ETag header for what has versions, and other members that nobody changes by a request."""
    return {"ETag": f'"{version}-{_tag(members)}"'}


def check_version(version: int) -> None:
    """Let the request through when its If-Match names what there is now in this version.

    How else it stands is no matter: a client has to have seen what it overwrites, and nothing besides.

    :raises PreconditionRequiredError: without an If-Match.
    :raises PreconditionFailedError: when it names another version.
    """
    if not request.if_match:
        raise _required()
    # Of what is no list of tags Werkzeug makes some that are none.
    seen = {tag.partition("-")[0] for tag in request.if_match.as_set() if tag}
    if not request.if_match.star_tag and str(version) not in seen:
        raise _failed()


def asked() -> bool:
    """Tell whether the request says that it has seen what it changes."""
    return bool(request.if_match)


def unchanged(*members: Any) -> bool:
    """Tell whether the request's If-None-Match says that its sender has what there is now."""
    return request.if_none_match.contains_weak(_tag(members))


def unchanged_since(tag: dict[str, str]) -> bool:
    """Tell the same of what an ETag header was made for already."""
    return request.if_none_match.contains_weak(tag["ETag"].strip('"'))


def _tag(members: tuple[Any, ...]) -> str:
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()[:32]


def _required() -> PreconditionRequiredError:
    detail = "Send If-Match with the ETag of what you are changing, or *."
    return PreconditionRequiredError("precondition_required", detail)


def _failed() -> PreconditionFailedError:
    return PreconditionFailedError(
        "precondition_failed", "It has been changed since; read it again."
    )
