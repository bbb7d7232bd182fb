"""Places: where a step stands without the names that its author gave, which the platform does not keep.

Whoever can open the definition finds the whole JSON pointer again, as errors and graphs have it.
"""

from __future__ import annotations

from typing import Any


def pointer_of(document: Any, place: str) -> str:
    """Return the JSON pointer (RFC 6901) of the step that stands in a place of a document.

    A step is the only member of its item in a list; a function is counted among those of `use`.
    """
    found, pointer = document, ""
    for segment in place.split("/")[1:]:
        if pointer == "/use/functions":
            found = dict([list(found.items())[int(segment)]])
        elif isinstance(found, list):
            found = found[int(segment)]
            pointer += f"/{segment}"
        else:
            found = found[segment]
            pointer += f"/{segment}"
            continue
        ((name, found),) = found.items()
        pointer += "/" + str(name).replace("~", "~0").replace("/", "~1")
    return pointer
