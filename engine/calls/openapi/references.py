"""Descriptions of services, with each of their references resolved once."""

from __future__ import annotations

from typing import Any

REFERENCES_MAX = 10  # in one chain


class Description:
    """JSON value of a description, and the targets of the references that were resolved.

    Many members of a description may name one reference, each of whose segments costs a step.
    """

    def __init__(self, value: dict[str, Any]) -> None:
        self.value = value
        self._targets: dict[str, dict[str, Any]] = {}

    def resolve(self, value: Any) -> dict[str, Any]:
        """Return the target of a reference inside the description, or the value itself.

        :raises ValueError: when the target is elsewhere or missing, or the references are circular.
        """
        references = list[str]()
        while isinstance(value, dict) and value.get("$ref") is not None:
            reference = value["$ref"]
            if not isinstance(reference, str) or not reference.startswith("#/"):
                raise ValueError(f"the reference {reference!s:.200} leads out of the description")
            references.append(reference)
            value = self._targets.get(reference)
            if value is None and len(references) <= REFERENCES_MAX:
                value = find(self.value, segments_of(reference))
        if not isinstance(value, dict) or "$ref" in value:
            raise ValueError("a reference of the service's description leads nowhere")
        self._targets |= dict.fromkeys(references, value)
        return value


def segments_of(reference: str) -> list[str]:
    """Return the segments of a reference's JSON pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in reference[2:].split("/")]


def find(value: Any, segments: list[str]) -> Any:
    """Return the value at a place in objects, or None."""
    for segment in segments:
        value = value.get(segment) if isinstance(value, dict) else None
    return value
