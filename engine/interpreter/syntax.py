"""JSON and YAML 1.2 as strangers write them: bounded in depth and size, and never ambiguous.

What comes of it is what every part of the platform can hold: text is Unicode, numbers are finite, and whole
numbers past 64 bits are doubles, as jq has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event

from engine.errors import Fault, InvalidError, TooLargeError

TEXT_CHARACTERS_MAX = 1_048_576
DEPTH_MAX = 64
NODES_MAX = 200_000  # what a document may be once its aliases are written out
ALIASES_MAX = 1_000
UNREADABLE = "The definition cannot be read"


def read(text: str, content_type: str | None = None) -> dict[str, Any]:
    """Return the object a text holds.

    :raises InvalidError: `definition_unreadable`.
    :raises TooLargeError: `definition_too_large`.
    """
    if len(text) > TEXT_CHARACTERS_MAX:
        raise TooLargeError("definition_too_large", f"A definition may have {TEXT_CHARACTERS_MAX} characters")
    written = _read_json(text) if _is_json(text, content_type) else _read_yaml(text)
    if not isinstance(written, dict):
        raise _unreadable("A definition must be an object")
    fault = too_deep(written)
    if fault is not None:
        raise InvalidError("definition_unreadable", UNREADABLE, faults=[fault])
    try:
        found: dict[str, Any] = _plain(written)
    except ValueError as error:
        raise _unreadable(str(error)) from None
    return found


def too_deep(document: Any) -> Fault | None:
    """Return the first place nested too deeply, or past the most nodes a document may have, or None."""
    places: list[tuple[Any, str, int]] = [(document, "", 1)]
    nodes = 0
    while places:
        value, pointer, depth = places.pop()
        nodes += 1
        if depth > DEPTH_MAX + 1 or nodes > NODES_MAX:
            what = (
                f"nested deeper than {DEPTH_MAX}" if nodes <= NODES_MAX else f"more than {NODES_MAX} values"
            )
            return Fault(pointer, what, outline="")
        if isinstance(value, dict):
            places += [(member, f"{pointer}/{key}", depth + 1) for key, member in value.items()]
        elif isinstance(value, list):
            places += [(item, f"{pointer}/{index}", depth + 1) for index, item in enumerate(value)]
    return None


def _is_json(text: str, content_type: str | None) -> bool:
    if content_type is not None:
        return "yaml" not in content_type
    return text.lstrip()[:1] in ("{", "[")


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _unreadable(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise _unreadable(f"nested deeper than {DEPTH_MAX}") from None
    except ValueError as error:
        raise _unreadable(str(error), gist="not JSON") from None


def _read_yaml(text: str) -> Any:
    try:
        _bound(_yaml().parse(text))
        return _yaml().load(text)
    except MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise _unreadable(f"{place}{error.problem or 'not YAML'}", gist=f"{place}not YAML") from None
    except (YAMLError, ValueError, TypeError) as error:
        raise _unreadable(str(error).partition("\n")[0] or "not YAML", gist="not YAML") from None
    except RecursionError:
        raise _unreadable(f"nested deeper than {DEPTH_MAX}") from None


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.2"
    yaml.allow_duplicate_keys = False
    return yaml


def _bound(events: Iterable[Event]) -> None:
    """Refuse nesting and aliases before anything is built: a small text can hold a huge document."""
    depth = aliases = 0
    for event in events:
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        elif isinstance(event, AliasEvent):
            aliases += 1
        if depth > DEPTH_MAX:
            raise ValueError(f"nested deeper than {DEPTH_MAX}")
        if aliases > ALIASES_MAX:
            raise ValueError(f"more than {ALIASES_MAX} aliases")


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, aliases written out.

    :raises ValueError: when there is a number that is not finite, or text that is no Unicode.
    """
    try:
        return orjson.loads(json.dumps(value, default=str, allow_nan=False, ensure_ascii=False))
    except orjson.JSONDecodeError as error:  # its place is in a text that nobody has seen
        raise ValueError(str(error).partition(":")[0]) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} appears twice")
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _unreadable(detail: str, *, gist: str | None = None) -> InvalidError:
    return InvalidError("definition_unreadable", UNREADABLE, faults=[Fault("", detail, gist=gist)])
