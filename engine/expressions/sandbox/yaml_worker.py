"""YAML 1.2 as strangers write it: bounded in depth and size, never ambiguous, and JSON when it is read.

Half a megabyte of it takes Python five seconds: what is large is read in a confined process.
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
# What a document may be once its aliases are written out.
NODES_MAX = 200_000
CHARACTERS_MAX = 4 * 1_048_576
ALIASES_MAX = 1_000


class UnreadableError(ValueError):
    """What is wrong, and the gist of it, which quotes nothing."""

    def __init__(self, detail: str, gist: str | None = None) -> None:
        super().__init__(detail)
        self.detail, self.gist = detail, gist


class BoundedParser(Parser):
    """Refuses nesting and aliases before anything is built: a small text can hold a huge document."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._depth = self._aliases = 0

    def get_event(self) -> Any:
        """Return the next event, and note what it opens."""
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
    """Return the value a text holds, as JSON has it.

    :raises UnreadableError: when it is no YAML, or more of it than a document may be.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.2"
    yaml.allow_duplicate_keys = False
    yaml.Parser = BoundedParser
    try:
        return plain(yaml.load(text))
    except MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UnreadableError(f"{place}{error.problem or 'not YAML'}", f"{place}not YAML") from None
    except UnreadableError:
        raise
    except (YAMLError, ValueError, TypeError) as error:
        raise UnreadableError(str(error).partition("\n")[0] or "not YAML", "not YAML") from None
    except RecursionError:
        raise UnreadableError(f"nested deeper than {DEPTH_MAX}") from None


def plain(value: Any) -> Any:
    """Return a value as JSON has it: aliases written out, whole numbers past 64 bits as doubles.

    :raises UnreadableError: when it is too deep or has too many values, a number is not finite, or a text is
        no Unicode.
    """
    fault = too_deep(value)
    if fault is not None:
        raise UnreadableError(fault[1])
    try:
        return orjson.loads(json.dumps(value, default=str, allow_nan=False, ensure_ascii=False))
    except ValueError as error:  # its place is in a text that nobody has seen
        raise UnreadableError(str(error).partition(":")[0]) from None


def too_deep(document: Any) -> tuple[str, str] | None:
    """Return the first place (a JSON pointer) past what a document may be, and which bound that is."""
    places: list[tuple[Any, str, int]] = [(document, "", 1)]
    nodes = characters = 0
    while places:
        value, pointer, depth = places.pop()
        nodes += 1
        characters += _written(value)
        if nodes > NODES_MAX:
            return pointer, f"more than {NODES_MAX} values"
        if characters > CHARACTERS_MAX:
            return pointer, f"more than {CHARACTERS_MAX} characters"
        if depth > DEPTH_MAX + 1:
            return pointer, f"nested deeper than {DEPTH_MAX}"
        if isinstance(value, dict):
            places += [(member, f"{pointer}/{key}", depth + 1) for key, member in value.items()]
        elif isinstance(value, list):
            places += [(item, f"{pointer}/{index}", depth + 1) for index, item in enumerate(value)]
    return None


def _written(value: Any) -> int:
    """Return the characters of a text, or of an object's names."""
    if isinstance(value, dict):
        return sum(len(str(name)) for name in value)
    return len(value) if isinstance(value, str) else 0


class Reading:
    """Reads what it is asked on: a JSON text of the YAML."""

    def __init__(self, _source: str) -> None:
        pass

    def input_text(self, text: str) -> Iterator[Any]:
        """Return the value in a list, or what is wrong and its gist."""
        try:
            yield [read(json.loads(text))]
        except UnreadableError as error:
            yield {"detail": error.detail, "gist": error.gist}


def compiler() -> Callable[[str], Reading]:
    """Return what reads, everything it imports already loaded: files are out of reach later."""
    list(
        Reading("").input_text(
            json.dumps("a: [1, 1.5, 2024-01-01, &x {b: on}, *x, !!str 1, |\n  t\n]")
        )
    )
    return Reading
