"""Parser of definitions in JSON or YAML 1.2, with limits on depth and size.

Every part of the platform can store its values: text is Unicode, numbers are finite, and integers
past 64 bits are doubles, as in jq.
"""

from __future__ import annotations

import json
from typing import Any

from engine.errors import Fault, InvalidError, TooLargeError
from engine.expressions.sandbox import pool, yaml_worker
from engine.expressions.sandbox.yaml_worker import (
    DEPTH_MAX,
    NODES_MAX,
    UnreadableError,
    to_json_value,
)

__all__ = ["DEPTH_MAX", "NODES_MAX", "TEXT_CHARACTERS_MAX", "check_depth", "read"]

TEXT_CHARACTERS_MAX = 1_048_576
# YAML takes up to ten microseconds a character: a sandbox process parses larger texts, within its
# limits.
LOCAL_CHARACTERS_MAX = 16_384
UNREADABLE = "The definition cannot be read"


def read(
    text: str, content_type: str | None = None, *, yaml_characters_max: int = TEXT_CHARACTERS_MAX
) -> dict[str, Any]:
    """Return the object in a text.

    :raises InvalidError: `definition_unreadable`.
    :raises TooLargeError: `definition_too_large`.
    :raises BusyError: when no sandbox process has time for a large text; a new attempt may succeed.
    """
    if len(text) > TEXT_CHARACTERS_MAX:
        raise TooLargeError(
            "definition_too_large", f"A definition may have {TEXT_CHARACTERS_MAX} characters"
        )
    is_json = _is_json(text, content_type)
    if not is_json and len(text) > yaml_characters_max:
        detail = (
            f"As YAML it may have {yaml_characters_max} characters, as JSON {TEXT_CHARACTERS_MAX}"
        )
        raise TooLargeError("definition_too_large", detail)
    document = _read_json(text) if is_json else _read_yaml(text)
    if not isinstance(document, dict):
        raise _unreadable("A definition must be an object")
    return document


def check_depth(document: Any) -> Fault | None:
    """Return the first place at which a document exceeds a limit of depth or size, or None."""
    fault = yaml_worker.check_depth(document)
    return fault and Fault(*fault, outline="")


def _is_json(text: str, content_type: str | None) -> bool:
    if content_type is not None:
        return "yaml" not in content_type
    return text.lstrip()[:1] in ("{", "[")


def _read_json(text: str) -> Any:
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _unreadable(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise _unreadable(f"nested deeper than {DEPTH_MAX}") from None
    except ValueError as error:
        raise _unreadable(str(error), gist="not JSON") from None
    fault = check_depth(document)
    if fault is not None:
        raise InvalidError("definition_unreadable", UNREADABLE, faults=[fault])
    try:
        return to_json_value(document)
    except UnreadableError as error:
        raise _unreadable(error.detail, gist=error.gist) from None


def _read_yaml(text: str) -> Any:
    try:
        if len(text) <= LOCAL_CHARACTERS_MAX:
            return yaml_worker.read(text)
        answer = pool.get_pool("yaml").evaluate("", text).value
    except UnreadableError as error:
        raise _unreadable(error.detail, gist=error.gist) from None
    except (pool.BrokenError, pool.ProgramError):
        raise _unreadable("so much YAML takes too long to read; as JSON it does not") from None
    if isinstance(answer, dict):
        raise _unreadable(answer["detail"], gist=answer["gist"])
    return answer[0]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f"the key {key!r} appears twice")
        members[key] = value
    return members


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _unreadable(detail: str, *, gist: str | None = None) -> InvalidError:
    return InvalidError("definition_unreadable", UNREADABLE, faults=[Fault("", detail, gist=gist)])
