"""Strict JSON bodies: required media type, unambiguous documents, limited depth."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from flask import Request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import RAISE, Schema
from webargs import core
from webargs.flaskparser import FlaskParser

from web.http.problems import MalformedError, MediaTypeError

DEPTH_MAX = 64
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1  # the range that orjson can write


class StrictParser(FlaskParser):
    """webargs' parser that refuses other media types and unknown query parameters."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 - as webargs declares it
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
    }

    def _raw_load_json(self, req: Request) -> Any:
        data = req.get_data(cache=True)
        if not data and not req.content_type:
            return core.missing
        if req.mimetype != "application/json":
            raise MediaTypeError("unsupported_media_type", "The body must be application/json.")
        return load(data)


class Blueprint(SmorestBlueprint):  # type: ignore[misc] # flask-smorest is untyped
    """Blueprint of flask-smorest with the strict parser."""

    ARGUMENTS_PARSER = StrictParser()

    def arguments(self, schema: Schema | type[Schema], **options: Any) -> Any:
        """Declare arguments by one schema instance; webargs would create one for each request."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)


def load(data: bytes) -> Any:
    """Parse JSON text (RFC 8259): UTF-8, finite numbers, unique members, at most DEPTH_MAX levels.

    An integer beyond 64 bits becomes a double, as everywhere on the platform.

    :raises MalformedError: for any other text.
    """
    try:
        value = json.loads(
            data.decode(),
            parse_constant=_refuse_constant,
            parse_int=_parse_integer,
            parse_float=_parse_float,
            object_pairs_hook=_build_object,
        )
    except (ValueError, RecursionError) as fault:
        raise MalformedError(
            "malformed_json", f"The body is not JSON: {_describe(fault)}."
        ) from None
    if _is_deeper_than(value, DEPTH_MAX):
        raise MalformedError(
            "malformed_json", f"The body is nested deeper than {DEPTH_MAX} levels."
        )
    return value


def _describe(fault: ValueError | RecursionError) -> str:
    if isinstance(fault, UnicodeDecodeError):
        return f"it is not UTF-8 at byte {fault.start}"
    return "it is nested too deeply" if isinstance(fault, RecursionError) else str(fault)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _parse_integer(text: str) -> int | float:
    value = int(text) if len(text) <= len(str(INTEGER_MIN)) else _parse_float(text)
    return value if INTEGER_MIN <= value <= INTEGER_MAX else float(value)


def _parse_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large for a double")
    return value


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member appears twice in one object")
    return members


def _is_deeper_than(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)
