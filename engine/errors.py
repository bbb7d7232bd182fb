"""Errors of the engine: the class states the kind of a refusal, the code the exact one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """Place in a document (JSON pointer, RFC 6901) and what is wrong there.

    Only its owner may read words of an encrypted document. Where pointer or detail contain such
    words, `outline` and `gist` state the same without them.
    """

    pointer: str
    detail: str
    # The pointer with `*` in the place of every name that the document's author chose.
    outline: str | None = None
    gist: str | None = None

    def redact(self) -> Fault:
        """Return the fault without words of the document, as it may be stored in plain text."""
        outline = self.pointer if self.outline is None else self.outline
        return Fault(outline, self.detail if self.gist is None else self.gist)


class OutageError(Exception):
    """A part of the platform is down or has no time; a new attempt may succeed."""


class EngineError(Exception):
    """Refusal with a stable snake_case code, a sentence for people, and data for programs.

    The members of `extra` extend the problem document (RFC 9457 section 3.2).
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)
        self.extra = dict(extra or {})


class InvalidError(EngineError):
    """The request is well-formed but breaks a rule."""


class UnauthenticatedError(EngineError):
    """The credentials are missing or not valid."""


class ForbiddenError(EngineError):
    """The caller is authenticated but not allowed to do this."""


class NotFoundError(EngineError):
    """The object does not exist or belongs to another account; the answer is the same for both."""


class ConflictError(EngineError):
    """The state of the object does not permit the operation."""


class GoneError(EngineError):
    """The object existed once and is not stored any more."""


class TooLargeError(EngineError):
    """The request is larger than a published limit."""


class UnavailableError(EngineError):
    """A required part is down or full; clients may try again after `retry_seconds`."""

    def __init__(self, code: str, detail: str, *, retry_seconds: int = 1) -> None:
        super().__init__(code, detail)
        self.retry_seconds = retry_seconds
