"""Support table of the workflow language: which constructs run, and the limits of every definition.

`python -m bin.devtools.docs.language` tries each construct on the interpreter and writes the result
to `support_table.json`. So the web process can serve the table without loading the interpreter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

_TABLE = orjson.loads(Path(__file__).with_suffix(".json").read_bytes())

SPECIFICATION: str = _TABLE["specification"]  # version of the Open Workflow Specification
CONSTRUCTS: list[dict[str, Any]] = _TABLE["constructs"]  # group, name, supported, covers, reason
LIMITS: list[dict[str, Any]] = _TABLE["limits"]  # name, value, unit: rows of the page
LIMITS_BY_NAME: dict[str, float] = _TABLE["limitsByName"]  # the names that error details quote
