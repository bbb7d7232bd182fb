"""Mermaid flowchart of a graph, safe for any name that a user chose.

Ids consist of letters, digits, and `_` with a hexadecimal code point for any other character.
Labels consist of letters, digits, and Mermaid's entities. So no name can end a label, begin a
directive or a comment, or become markup of the page that shows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from engine.interpreter.graph import Graph, GraphEdge, GraphNode
from engine.language.model import END

LABEL_CHARACTERS_MAX = 60
UNESCAPED = "_.-"  # in labels, besides letters, digits and the space
# Edges beside the main flow.
DOTTED = {"skip", "catch", "retry", "fault", "call", "before", "after"}
SHAPES = {"workflow": ("([", "])"), "end": ("([", "])"), "switch": ("{", "}"), "call": ("[[", "]]")}

Children = Mapping[str | None, Sequence[GraphNode]]


def render(graph: Graph) -> str:
    """Return the flowchart, from top to bottom; a subgraph contains the inner tasks of a task."""
    children: dict[str | None, list[GraphNode]] = defaultdict(list)
    for node in graph.nodes:
        children[node.parent].append(node)
    lines = [
        "flowchart TD",
        *_nodes(children[None], children, "  "),
        *_nodes(children[""], children, "  "),
    ]
    return "\n".join([*lines, *(f"  {_edge(edge)}" for edge in graph.edges), ""])


def _nodes(nodes: Sequence[GraphNode], children: Children, indent: str) -> Iterator[str]:
    for node in nodes:
        yield f"{indent}{_node(node)}"
        inner_nodes = children.get(node.id, ()) if node.id else ()
        if inner_nodes:
            yield f'{indent}subgraph {_id("below", node.id)}["{_node_label(node)}"]'
            yield from _nodes(inner_nodes, children, indent + "  ")
            yield f"{indent}end"


def _node(node: GraphNode) -> str:
    opening, closing = SHAPES.get(node.kind, ("[", "]"))
    return f'{_id("at", node.id)}{opening}"{_node_label(node)}"{closing}'


def _node_label(node: GraphNode) -> str:
    """Return the label of a node; the kind precedes the name, which may look like a list item."""
    return _label(END if node.kind == END else f"{node.kind}: {node.name}")


def _edge(edge: GraphEdge) -> str:
    arrow = "-.->" if edge.kind in DOTTED else "-->"
    text = edge.label if edge.label is not None else "" if edge.kind == "sequence" else edge.kind
    label = f'|"{_label(text)}"|' if text else ""
    return f"{_id('at', edge.source)} {arrow}{label} {_id('at', edge.target)}"


def _id(kind: str, pointer: str) -> str:
    """Return the id of a pointer: unique, and no keyword of Mermaid."""
    return f"{kind}_" + "".join(
        character if character.isascii() and character.isalnum() else f"_{ord(character):x}_"
        for character in pointer
    )


def _label(text: str) -> str:
    short_text = (
        text if len(text) <= LABEL_CHARACTERS_MAX else text[: LABEL_CHARACTERS_MAX - 1] + "…"
    )
    return "".join(map(_escape, short_text)) or "-"


def _escape(character: str) -> str:
    if character.isalnum() or character in UNESCAPED:
        return character
    return " " if character.isspace() or not character.isprintable() else f"#{ord(character)};"
