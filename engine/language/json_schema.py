"""JSON Schema (2020-12) of inputs, outputs and exports, evaluated where strangers' programs are."""

from __future__ import annotations

import json
from typing import Any

from engine.expressions.sandbox import pool
from engine.language.errors import ExhaustedError, fault


def validate(value: Any, schema: dict[str, Any] | None) -> pool.ProgramOutput:
    """Check a value against a schema and return what that cost.

    :raises FaultError: of kind validation, naming the place of a mismatch and not its data.
    :raises ExhaustedError: when it breaks its budget.
    """
    if schema is None:
        return pool.ProgramOutput(None)
    try:
        answer = pool.shared("json_schema").evaluate(json.dumps(schema), value)
    except pool.ProgramError:
        raise fault("validation", "the schema cannot be evaluated") from None
    except pool.BrokenError:
        raise ExhaustedError("a schema used more time or memory than it may") from None
    if answer.value is not None:
        place, keyword = answer.value["place"], answer.value["keyword"]
        raise fault("validation", f"{place} breaks the schema's {keyword}")
    return answer


def complaint(schema: Any) -> str | None:
    """Return what is wrong with a schema, if anything.

    :raises ExhaustedError: when it takes too long to read.
    """
    try:
        pool.shared("json_schema").check(json.dumps(schema))
    except pool.ProgramError as error:
        return str(error).partition("\n")[0][:200]
    except pool.BrokenError:
        raise ExhaustedError("a schema takes too long to read") from None
    return None
