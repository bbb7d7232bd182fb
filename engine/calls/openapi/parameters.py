"""Serialization of parameters by place and style (OpenAPI 3.1 section 4.8.12, RFC 6570)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from engine.language.uri_templates import fill_template

VARIABLE = re.compile(r"\{([^{}]+)\}")
_RESERVED = ":/?#[]@!$&'()*+,;="
_DEFAULT_STYLES = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}
_SEPARATORS = {"spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}
# Names of the styles in Swagger 2.0.
_COLLECTIONS = {"ssv": "spaceDelimited", "pipes": "pipeDelimited", "tsv": "tabDelimited"}


@dataclass(slots=True)
class RequestParts:
    """Parts of a request that parameters fill; path and query are percent-encoded."""

    path: str  # with its variables
    segments: dict[str, str] = field(default_factory=dict)  # values of these variables
    query: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)

    def add(self, parameter: dict[str, Any], value: Any) -> None:
        """Add the value of a parameter to its place.

        :raises ValueError: when the parameter's style cannot represent the value.
        """
        name, place = str(parameter["name"]), parameter.get("in")
        style, explode = _style(parameter)
        if isinstance(parameter.get("content"), dict):
            value, style = json.dumps(value), _DEFAULT_STYLES.get(str(place), "simple")
        if place == "path":
            self.segments[name] = _path_segment(name, value, style, explode=explode)
        elif place == "query":
            safe = _RESERVED if parameter.get("allowReserved") is True else ""
            self.query += _query_parts(name, value, style, explode=explode, safe=safe)
        elif place == "header":
            self.headers[name] = _join(value, ",", explode=explode, safe=None)
        else:
            self.cookies += _query_parts(name, value, style, explode=explode, safe="")

    def fill_path(self) -> str:
        """Return the path with the values of its variables.

        :raises ValueError: when it is too long.
        """
        return fill_template(
            self.path, VARIABLE, lambda name: self.segments.get(name, f"{{{name}}}")
        )


def to_text(value: Any) -> str:
    """Return a scalar as text for a URL, a header or a form.

    :raises ValueError: when the value is no scalar.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError("only text, numbers and booleans can be written into an address or a header")


def _style(parameter: dict[str, Any]) -> tuple[str, bool]:
    default = _DEFAULT_STYLES.get(str(parameter.get("in")), "simple")
    collection = parameter.get("collectionFormat")
    if "type" in parameter:
        return _COLLECTIONS.get(str(collection), default), collection == "multi"
    style = str(parameter.get("style", default))
    return style, bool(parameter.get("explode", style == "form"))


def _path_segment(name: str, value: Any, style: str, *, explode: bool) -> str:
    if style == "label":
        return "." + _join(value, "." if explode else ",", explode=explode, safe="")
    if style != "matrix":
        return _join(value, ",", explode=explode, safe="")
    if explode and isinstance(value, (list, dict)):
        pairs = value.items() if isinstance(value, dict) else [(name, item) for item in value]
        return "".join(
            f";{quote(key, safe='')}={quote(to_text(item), safe='')}" for key, item in pairs
        )
    return f";{quote(name, safe='')}={_join(value, ',', explode=False, safe='')}"


def _query_parts(name: str, value: Any, style: str, *, explode: bool, safe: str) -> list[str]:
    key = quote(name, safe="")
    if style == "deepObject" and isinstance(value, dict):
        return [
            f"{key}%5B{quote(part, safe='')}%5D={quote(to_text(value[part]), safe=safe)}"
            for part in value
        ]
    if style in _SEPARATORS and isinstance(value, list):
        return [f"{key}={_join(value, _SEPARATORS[style], explode=False, safe=safe)}"]
    if explode and isinstance(value, list):
        return [f"{key}={quote(to_text(item), safe=safe)}" for item in value]
    if explode and isinstance(value, dict):
        return [
            f"{quote(part, safe='')}={quote(to_text(item), safe=safe)}"
            for part, item in value.items()
        ]
    return [f"{key}={_join(value, ',', explode=False, safe=safe)}"]


def _join(value: Any, separator: str, *, explode: bool, safe: str | None) -> str:
    """Return a scalar, a list or an object as one text; with `safe` None, without quoting."""

    def encode(scalar: Any) -> str:
        return to_text(scalar) if safe is None else quote(to_text(scalar), safe=safe)

    if isinstance(value, list):
        return separator.join(map(encode, value))
    if isinstance(value, dict):
        within = "=" if explode else ","
        return separator.join(
            f"{encode(key)}{within}{encode(member)}" for key, member in value.items()
        )
    return encode(value)
