"""Places: the positions of steps without their names, because the platform stores no names.

Whoever can open the definition turns a place into the JSON pointer that errors and graphs have.
"""

from __future__ import annotations

from typing import Any


def pointer_of(document: Any, place: str) -> str:
    """Return the JSON pointer (RFC 6901) of the step at a place of a document.

    A step is the only member of its list item; a function is counted among those of `use`.
    """
    node, pointer = document, ""
    for segment in place.split("/")[1:]:
        if pointer == "/use/functions":
            node = dict([list(node.items())[int(segment)]])
        elif isinstance(node, list):
            node = node[int(segment)]
            pointer += f"/{segment}"
        else:
            node = node[segment]
            pointer += f"/{segment}"
            continue
        ((name, node),) = node.items()
        pointer += "/" + str(name).replace("~", "~0").replace("/", "~1")
    return pointer
