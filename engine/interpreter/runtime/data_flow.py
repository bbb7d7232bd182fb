"""Data flow of a task: its input and output are transformed and validated (DSL, "Data Flow")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

from engine.interpreter.runtime.evaluation import Evaluation
from engine.interpreter.runtime.scope import Scope
from engine.language import json_schema
from engine.language.model import Transform
from engine.language.size_limits import DATA_BYTES_MAX


class RemoteSchema(Protocol):
    """JSON Schema at an address, which an execution fetches when it first needs it."""

    async def fetch(self, interpreter: Any, data: Any, scope: Scope) -> dict[str, Any]:
        """Return the schema.

        :raises FaultError: when it cannot be fetched, or is no JSON Schema.
        """
        ...


@dataclass(slots=True, kw_only=True)
class DataFlow(Evaluation):
    """Evaluation that also applies the transforms and schemas of `input`, `output` and `export`."""

    async def transform_input(self, transform: Transform, raw: Any, scope: Scope) -> Any:
        """Validate the raw value, then transform it (DSL, "Data Flow")."""
        await self._validate(transform, raw, raw, scope)
        return raw if transform.template is None else self.fill(transform.template, raw, scope)

    async def transform_output(
        self, transform: Transform, raw: Any, scope: Scope, *, most: int = DATA_BYTES_MAX
    ) -> Any:
        """Transform the raw value, then validate the result (DSL, "Data Flow")."""
        value = (
            raw
            if transform.template is None
            else self.fill(transform.template, raw, scope, most=most)
        )
        await self._validate(transform, value, raw, scope)
        return value

    async def _validate(self, transform: Transform, value: Any, raw: Any, scope: Scope) -> None:
        schema = transform.schema
        if schema is not None and not isinstance(schema, dict):
            schema = await cast("RemoteSchema", schema).fetch(self, raw, scope)
        self.budget.spend(json_schema.validate(value, schema))
