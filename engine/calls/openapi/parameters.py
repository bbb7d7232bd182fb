"""How an operation's parameter is written: by place and style (OpenAPI 3.1 section 4.8.12, RFC 6570)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from engine.language.uri_templates import fill_template

VARIABLE = re.compile(r"\{([^{}]+)\}")
_RESERVED = ":/?#[]@!$&'()*+,;="
_USUAL = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}
_SEPARATORS = {"spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}
# Swagger 2.0 calls the styles otherwise.
_COLLECTIONS = {"ssv": "spaceDelimited", "pipes": "pipeDelimited", "tsv": "tabDelimited"}


@dataclass(slots=True)
class Written:
    """The parts of a request that parameters go into; path and query are percent-encoded."""

    path: str
    query: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)

    def put(self, parameter: dict[str, Any], value: Any) -> None:
        """Write a value where its parameter has its place.

        :raises ValueError: when the value has no such form.
        """
        name, place = str(parameter["name"]), parameter.get("in")
        style, explode = _style(parameter)
        if isinstance(parameter.get("content"), dict):
            value, style = json.dumps(value), _USUAL.get(str(place), "simple")
        if place == "path":
            own = re.compile(r"\{(" + re.escape(name) + r")\}")
            written = _in_path(name, value, style, explode=explode)
            self.path = fill_template(self.path, own, lambda _: written)
        elif place == "query":
            safe = _RESERVED if parameter.get("allowReserved") is True else ""
            self.query += _in_query(name, value, style, explode=explode, safe=safe)
        elif place == "header":
            self.headers[name] = _joined(value, ",", explode=explode, safe=None)
        else:
            self.cookies += _in_query(name, value, style, explode=explode, safe="")


def text(value: Any) -> str:
    """Return a scalar as it stands in a URL, a header or a form.

    :raises ValueError: when it is none.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError("only text, numbers and booleans can be written into an address or a header")


def _style(parameter: dict[str, Any]) -> tuple[str, bool]:
    usual = _USUAL.get(str(parameter.get("in")), "simple")
    collection = parameter.get("collectionFormat")
    if "type" in parameter:
        return _COLLECTIONS.get(str(collection), usual), collection == "multi"
    style = str(parameter.get("style", usual))
    return style, bool(parameter.get("explode", style == "form"))


def _in_path(name: str, value: Any, style: str, *, explode: bool) -> str:
    if style == "label":
        return "." + _joined(value, "." if explode else ",", explode=explode, safe="")
    if style != "matrix":
        return _joined(value, ",", explode=explode, safe="")
    if explode and isinstance(value, (list, dict)):
        pairs = value.items() if isinstance(value, dict) else [(name, item) for item in value]
        return "".join(
            f";{quote(key, safe='')}={quote(text(item), safe='')}" for key, item in pairs
        )
    return f";{quote(name, safe='')}={_joined(value, ',', explode=False, safe='')}"


def _in_query(name: str, value: Any, style: str, *, explode: bool, safe: str) -> list[str]:
    key = quote(name, safe="")
    if style == "deepObject" and isinstance(value, dict):
        return [
            f"{key}%5B{quote(part, safe='')}%5D={quote(text(value[part]), safe=safe)}"
            for part in value
        ]
    if style in _SEPARATORS and isinstance(value, list):
        return [f"{key}={_joined(value, _SEPARATORS[style], explode=False, safe=safe)}"]
    if explode and isinstance(value, list):
        return [f"{key}={quote(text(item), safe=safe)}" for item in value]
    if explode and isinstance(value, dict):
        return [
            f"{quote(part, safe='')}={quote(text(item), safe=safe)}" for part, item in value.items()
        ]
    return [f"{key}={_joined(value, ',', explode=False, safe=safe)}"]


def _joined(value: Any, separator: str, *, explode: bool, safe: str | None) -> str:
    """Return a scalar, a list or an object in one text; `safe` None leaves everything as it is."""

    def written(scalar: Any) -> str:
        return text(scalar) if safe is None else quote(text(scalar), safe=safe)

    if isinstance(value, list):
        return separator.join(map(written, value))
    if isinstance(value, dict):
        within = "=" if explode else ","
        return separator.join(
            f"{written(key)}{within}{written(member)}" for key, member in value.items()
        )
    return written(value)
