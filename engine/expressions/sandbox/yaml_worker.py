"""Parser of YAML 1.2 with limits on depth and size; its values are those of JSON.

Python takes five seconds for half a megabyte: a sandbox process parses larger texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.parser import Parser

DEPTH_MAX = 64
# Limits of a document whose aliases are expanded.
NODES_MAX = 200_000
CHARACTERS_MAX = 4 * 1_048_576
ALIASES_MAX = 1_000


class UnreadableError(ValueError):
    """The text is no YAML, or exceeds a limit; `gist` says so without quoting the text."""

    def __init__(self, detail: str, gist: str | None = None) -> None:
        super().__init__(detail)
        self.detail, self.gist = detail, gist


class BoundedParser(Parser):
    """Parser that limits nesting and aliases first: a small text can contain a huge document."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._depth = self._aliases = 0

    def get_event(self) -> Any:
        """Return the next event, and count its nesting and aliases.

        :raises UnreadableError: past DEPTH_MAX or ALIASES_MAX.
        """
        event = super().get_event()
        if isinstance(event, CollectionStartEvent):
            self._depth += 1
        elif isinstance(event, CollectionEndEvent):
            self._depth -= 1
        elif isinstance(event, AliasEvent):
            self._aliases += 1
        if self._depth > DEPTH_MAX:
            raise UnreadableError(f"nested deeper than {DEPTH_MAX}")
        if self._aliases > ALIASES_MAX:
            raise UnreadableError(f"more than {ALIASES_MAX} aliases")
        return event


def read(text: str) -> Any:
    """Return the value of a YAML text, in the types of JSON.

    :raises UnreadableError: when the text is no YAML, or the value exceeds a limit.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.2"
    yaml.allow_duplicate_keys = False
    yaml.Parser = BoundedParser
    try:
        return to_json_value(yaml.load(text))
    except MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UnreadableError(f"{place}{error.problem or 'not YAML'}", f"{place}not YAML") from None
    except UnreadableError:
        raise
    except (YAMLError, ValueError, TypeError) as error:
        raise UnreadableError(str(error).partition("\n")[0] or "not YAML", "not YAML") from None
    except RecursionError:
        raise UnreadableError(f"nested deeper than {DEPTH_MAX}") from None


def to_json_value(value: Any) -> Any:
    """Return a value in the types of JSON: aliases expanded, integers past 64 bits as doubles.

    :raises UnreadableError: when the value exceeds a limit, a number is not finite, or a text is no
        Unicode.
    """
    fault = check_depth(value)
    if fault is not None:
        raise UnreadableError(fault[1])
    try:
        return orjson.loads(json.dumps(value, default=str, allow_nan=False, ensure_ascii=False))
    except ValueError as error:  # the position in the message is that of our own text
        raise UnreadableError(str(error).partition(":")[0]) from None


def check_depth(document: Any) -> tuple[str, str] | None:
    """Return where a document exceeds a limit (a JSON pointer), and which limit; or None."""
    stack: list[tuple[Any, str, int]] = [(document, "", 1)]
    nodes = characters = 0
    while stack:
        value, pointer, depth = stack.pop()
        nodes += 1
        characters += _character_count(value)
        if nodes > NODES_MAX:
            return pointer, f"more than {NODES_MAX} values"
        if characters > CHARACTERS_MAX:
            return pointer, f"more than {CHARACTERS_MAX} characters"
        if depth > DEPTH_MAX + 1:
            return pointer, f"nested deeper than {DEPTH_MAX}"
        if isinstance(value, dict):
            stack += [(member, f"{pointer}/{key}", depth + 1) for key, member in value.items()]
        elif isinstance(value, list):
            stack += [(item, f"{pointer}/{index}", depth + 1) for index, item in enumerate(value)]
    return None


def _character_count(value: Any) -> int:
    """Return the number of characters in a text, or in an object's names."""
    if isinstance(value, dict):
        return sum(len(str(name)) for name in value)
    return len(value) if isinstance(value, str) else 0


class YamlProgram:
    """Program whose input is a JSON string of YAML text."""

    def __init__(self, _source: str) -> None:
        pass

    def input_text(self, text: str) -> Iterator[Any]:
        """Yield a list with the value, or an object with the fault and its gist."""
        try:
            yield [read(json.loads(text))]
        except UnreadableError as error:
            yield {"detail": error.detail, "gist": error.gist}


def compiler() -> Callable[[str], YamlProgram]:
    """Return the compiler of YAML, all its imports loaded: later the sandbox opens no file."""
    list(
        YamlProgram("").input_text(
            json.dumps("a: [1, 1.5, 2024-01-01, &x {b: on}, *x, !!str 1, |\n  t\n]")
        )
    )
    return YamlProgram
