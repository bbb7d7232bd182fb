"""Errors of executions, as the Open Workflow Specification defines them (RFC 9457)."""

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

# The specification has moved hosts, and its conformance kit names the types under another path.
_STANDARD_TYPE = re.compile(
    r"https?://(?:open-workflow-specification\.org|serverlessworkflow\.io)"
    r"/(?:spec/[^/]+/errors|dsl/errors/types|errors/types)/(?P<kind>[a-z-]+)"
)


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """Error of an execution; `instance` is the JSON pointer (RFC 6901) of the task that failed."""

    type: str
    status: int
    title: str | None = None
    detail: str | None = None
    instance: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the members that are set, as expressions see them."""
        members = ("type", "status", "title", "detail", "instance")
        return {name: getattr(self, name) for name in members if getattr(self, name) is not None}


class FaultError(Exception):
    """Error that a task raises and a `try` may catch."""

    def __init__(self, problem: ProblemDetails) -> None:
        super().__init__(problem.type)
        self.problem = problem

    def with_instance(self, pointer: str) -> FaultError:
        """Return the error with the pointer of the failed task, unless it has one."""
        if self.problem.instance is not None:
            return self
        return FaultError(replace(self.problem, instance=pointer))


class ExhaustedError(Exception):
    """The execution exceeded a limit. No `try` catches it: every replay has the same end."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def fault(
    kind: str, detail: str, *, status: int | None = None, title: str | None = None
) -> FaultError:
    """Return an error of a standard kind, to be raised; the interpreter adds the failed task."""
    usual_status, usual_title = STANDARD[kind]
    return FaultError(
        ProblemDetails(TYPES + kind, status or usual_status, title or usual_title, detail)
    )


def is_same_type(one: str, other: str) -> bool:
    """Return whether two type URIs are the same error, under whichever host and path."""
    return _canonical(one) == _canonical(other)


def standard_kind(uri: str) -> str | None:
    """Return the standard kind of a type URI, or None."""
    match = _STANDARD_TYPE.fullmatch(uri.strip())
    return match["kind"] if match and match["kind"] in STANDARD else None


def _canonical(uri: str) -> str:
    kind = standard_kind(uri)
    return TYPES + kind if kind else uri.strip()
