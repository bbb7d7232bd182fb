"""Type of JSON values in contracts: objects, arrays, strings, numbers, booleans and null."""

from __future__ import annotations

from typing import Any

Json = Any  # mypy has no recursive type that dataclasses can be decoded by
