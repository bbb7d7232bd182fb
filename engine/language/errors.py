"""The errors an execution can end with, as the Open Workflow Specification describes them (RFC 9457)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

TYPES = "https://open-workflow-specification.org/spec/1.0.0/errors/"

# Status and title of the standard kinds (DSL reference, "Standard Error Types").
STANDARD = {
    "configuration": (400, "Configuration Error"),
    "validation": (400, "Validation Error"),
    "expression": (400, "Expression Error"),
    "authentication": (401, "Authentication Error"),
    "authorization": (403, "Authorization Error"),
    "timeout": (408, "Timeout Error"),
    "communication": (500, "Communication Error"),
    "runtime": (500, "Runtime Error"),
}

# The specification moved hosts and its own conformance kit names the types under another path.
_STANDARD_TYPE = re.compile(
    r"https?://(?:open-workflow-specification\.org|serverlessworkflow\.io)"
    r"/(?:spec/[^/]+/errors|dsl/errors/types|errors/types)/(?P<kind>[a-z-]+)"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong and, as a JSON pointer (RFC 6901), in which step."""

    type: str
    status: int
    title: str | None = None
    detail: str | None = None
    instance: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the members that are set, as a program sees them."""
        members = ("type", "status", "title", "detail", "instance")
        return {name: getattr(self, name) for name in members if getattr(self, name) is not None}


class FaultError(Exception):
    """A problem on its way up: `try` may catch it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.type)
        self.problem = problem

    def placed(self, pointer: str) -> FaultError:
        """Return the error with where it happened: the innermost step that failed, unless it says itself."""
        if self.problem.instance is not None:
            return self
        return FaultError(replace(self.problem, instance=pointer))


class ExhaustedError(Exception):
    """A limit was broken: it ends the whole execution, so that no replay can take another way."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def fault(
    kind: str, detail: str, *, status: int | None = None, title: str | None = None
) -> FaultError:
    """Return an error of a standard kind, for raising; the step that fails adds where."""
    usual_status, usual_title = STANDARD[kind]
    return FaultError(Problem(TYPES + kind, status or usual_status, title or usual_title, detail))


def same_type(one: str, other: str) -> bool:
    """Tell whether two type URIs mean the same error, whichever host and path they are written under."""
    return _canonical(one) == _canonical(other)


def standard_kind(uri: str) -> str | None:
    """Return which standard kind a type URI means, or None."""
    match = _STANDARD_TYPE.fullmatch(uri.strip())
    return match["kind"] if match and match["kind"] in STANDARD else None


def _canonical(uri: str) -> str:
    kind = standard_kind(uri)
    return TYPES + kind if kind else uri.strip()
