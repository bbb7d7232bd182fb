"""A graph as a Mermaid flowchart: text whose every name a stranger chose.

Ids and labels are made of nothing but letters, digits and what stands for the rest: ids of `_` and the
code point in hexadecimal, labels of Mermaid's own entities. So no name can end a label, begin a directive
or a comment, or be markup of the page that shows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from engine.interpreter.graph import Edge, Graph, Spot
from engine.language.model import END

LABEL_CHARACTERS_MAX = 60
PLAIN = "_.-"  # in labels, beside letters, digits and the space
DOTTED = {
    "skip",
    "catch",
    "retry",
    "fault",
    "call",
    "before",
    "after",
}  # not the way that all should go
SHAPES = {"workflow": ("([", "])"), "end": ("([", "])"), "switch": ("{", "}"), "call": ("[[", "]]")}

Children = Mapping[str | None, Sequence[Spot]]


def render(graph: Graph) -> str:
    """Return the flowchart, from top to bottom; steps below another one stand in a frame of its name."""
    children: dict[str | None, list[Spot]] = defaultdict(list)
    for node in graph.nodes:
        children[node.parent].append(node)
    lines = [
        "flowchart TD",
        *_spots(children[None], children, "  "),
        *_spots(children[""], children, "  "),
    ]
    return "\n".join([*lines, *(f"  {_edge(edge)}" for edge in graph.edges), ""])


def _spots(nodes: Sequence[Spot], children: Children, indent: str) -> Iterator[str]:
    for node in nodes:
        yield f"{indent}{_spot(node)}"
        below = children.get(node.id, ()) if node.id else ()
        if below:
            yield f'{indent}subgraph {_id("below", node.id)}["{_said(node)}"]'
            yield from _spots(below, children, indent + "  ")
            yield f"{indent}end"


def _spot(node: Spot) -> str:
    opening, closing = SHAPES.get(node.kind, ("[", "]"))
    return f'{_id("at", node.id)}{opening}"{_said(node)}"{closing}'


def _said(node: Spot) -> str:
    """Return what a node is called; its kind comes first, for a name may look like an item of a list."""
    return _label(END if node.kind == END else f"{node.kind}: {node.name}")


def _edge(edge: Edge) -> str:
    arrow = "-.->" if edge.kind in DOTTED else "-->"
    said = edge.label if edge.label is not None else "" if edge.kind == "sequence" else edge.kind
    label = f'|"{_label(said)}"|' if said else ""
    return f"{_id('at', edge.source)} {arrow}{label} {_id('at', edge.target)}"


def _id(kind: str, pointer: str) -> str:
    """Return a word for a pointer, another for each; none is a word of Mermaid's own."""
    return f"{kind}_" + "".join(
        character if character.isascii() and character.isalnum() else f"_{ord(character):x}_"
        for character in pointer
    )


def _label(text: str) -> str:
    shown = text if len(text) <= LABEL_CHARACTERS_MAX else text[: LABEL_CHARACTERS_MAX - 1] + "…"
    return "".join(map(_written, shown)) or "-"


def _written(character: str) -> str:
    if character.isalnum() or character in PLAIN:
        return character
    return " " if character.isspace() or not character.isprintable() else f"#{ord(character)};"
