"""JSON Schema (2020-12) of inputs, outputs and exports, evaluated in a sandbox process."""

from __future__ import annotations

import json
from typing import Any

from engine.expressions.sandbox import pool
from engine.language.errors import ExhaustedError, fault


def validate(value: Any, schema: dict[str, Any] | None) -> pool.ProgramOutput:
    """Validate a value against a schema, and return the cost of the validation.

    :raises FaultError: of kind validation; it names the place of the mismatch, not its data.
    :raises ExhaustedError: when the validation exceeds its limits.
    """
    if schema is None:
        return pool.ProgramOutput(None)
    try:
        answer = pool.get_pool("json_schema").evaluate(json.dumps(schema), value)
    except pool.ProgramError:
        raise fault("validation", "the schema cannot be evaluated") from None
    except pool.BrokenError:
        raise ExhaustedError("a schema used more time or memory than it may") from None
    if answer.value is not None:
        place, keyword = answer.value["place"], answer.value["keyword"]
        raise fault("validation", f"{place} breaks the schema's {keyword}")
    return answer


def find_fault(schema: Any) -> str | None:
    """Return what is wrong with a schema, or None.

    :raises ExhaustedError: when its compilation exceeds the limits.
    """
    try:
        pool.get_pool("json_schema").check(json.dumps(schema))
    except pool.ProgramError as error:
        return str(error).partition("\n")[0][:200]
    except pool.BrokenError:
        raise ExhaustedError("a schema takes too long to read") from None
    return None
