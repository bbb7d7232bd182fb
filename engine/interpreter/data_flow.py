"""How data flows into a step and out of it (DSL, "Data Flow"): transformed, and held to its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.interpreter import schemas
from engine.interpreter.definition import Shaping
from engine.interpreter.scope import Scope
from engine.interpreter.sizes import DATA_BYTES_MAX

if TYPE_CHECKING:
    from engine.interpreter.walk import Walk


async def take(walk: Walk, shaping: Shaping, raw: Any, scope: Scope) -> Any:
    """Validate the raw value, then transform it."""
    await _validate(walk, shaping, raw, raw, scope)
    return raw if shaping.template is None else walk.fill(shaping.template, raw, scope)


async def give(walk: Walk, shaping: Shaping, raw: Any, scope: Scope, *, most: int = DATA_BYTES_MAX) -> Any:
    """Transform the raw value, then validate what it became."""
    shaped = raw if shaping.template is None else walk.fill(shaping.template, raw, scope, most=most)
    await _validate(walk, shaping, shaped, raw, scope)
    return shaped


async def _validate(walk: Walk, shaping: Shaping, value: Any, raw: Any, scope: Scope) -> None:
    schema = shaping.schema
    if schema is not None and not isinstance(schema, dict):
        schema = await schema.fetched(walk, raw, scope)
    walk.pace.spend(schemas.validate(value, schema))
