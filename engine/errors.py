"""Everything the engine refuses, by family: a family says what kind of refusal it is, the code says which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One place in a document and what is wrong there (JSON pointer, RFC 6901).

    A document that was sealed is not to be quoted to others than its owner: `outline` and `gist` say the
    same without its words, where these differ.
    """

    pointer: str
    detail: str
    outline: str | None = (
        None  # the pointer with `*` for every name that the document's author chose
    )
    gist: str | None = None

    def unquoted(self) -> Fault:
        """Return the fault as it may stand in the clear."""
        outline = self.pointer if self.outline is None else self.outline
        return Fault(outline, self.detail if self.gist is None else self.gist)


class EngineError(Exception):
    """A refusal with a stable snake_case code, a sentence for people, and data for programs.

    `extra` members appear beside the problem's own fields (RFC 9457 section 3.2).
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
    """Well-formed, but breaks a rule."""


class UnauthenticatedError(EngineError):
    """Nobody we know, or no longer."""


class ForbiddenError(EngineError):
    """Known, but not allowed."""


class NotFoundError(EngineError):
    """Does not exist, or is not the caller's: the two are not told apart."""


class ConflictError(EngineError):
    """Cannot happen in the present state."""


class GoneError(EngineError):
    """Was there once, and is kept no more."""


class TooLargeError(EngineError):
    """Larger than a published limit."""


class UnavailableError(EngineError):
    """A part that is needed is down or full; worth trying again after `retry_seconds`."""

    def __init__(self, code: str, detail: str, *, retry_seconds: int = 1) -> None:
        super().__init__(code, detail)
        self.retry_seconds = retry_seconds
