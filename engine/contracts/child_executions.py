"""What passes between an execution and one that it orders (`run: workflow`): encrypted history only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = Any  # what json.loads gives


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of an account's definitions is meant, in its document's own words."""

    account_id: str
    namespace: str
    name: str
    version: str  # or latest


@dataclass(frozen=True, slots=True)
class Ordered:
    """What an execution runs that another one ordered."""

    by: str  # the execution
    definition_id: str
    input: Json
    depth: int  # how many workflows ran one another down to this one


@dataclass(frozen=True, slots=True)
class Told:
    """How an execution ended that another one ordered; exactly one of the two says what with."""

    result: Json = None
    error: dict[str, Json] | None = None
