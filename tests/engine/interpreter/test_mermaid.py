"""Charts of graphs: nothing but what we write, whatever names the steps have."""

from __future__ import annotations

import re

import pytest

from engine.interpreter import graph, mermaid
from tests.support.interpreter.graphs import SET, definitions, drawn

pytestmark = pytest.mark.unit


ID = r"(?:at|below)_(?:[A-Za-z0-9]|_[0-9a-f]+_)*"
TEXT = r'"(?:[\w .…-]|#\d+;)+"'
LINE = re.compile(
    rf"flowchart TD|end|subgraph {ID}\[{TEXT}\]"
    rf"|{ID}(?:\[{TEXT}\]|\[\[{TEXT}\]\]|\(\[{TEXT}\]\)|\{{{TEXT}\}})"
    rf"|{ID} (?:-->|-\.->)(?:\|{TEXT}\|)? {ID}"
)


def check(text: str) -> None:
    """Check that a chart is nothing but what we write, and that its frames are closed."""
    lines = [line.strip() for line in text.splitlines()]
    assert text.endswith("\n")
    assert not [line for line in lines if not LINE.fullmatch(line)]
    assert lines.count("flowchart TD") == 1
    assert sum(line.startswith("subgraph ") for line in lines) == lines.count("end")


def test_the_charts_of_the_scenarios_are_of_mermaids_grammar() -> None:
    for _, parsed in definitions():
        found = graph.draw(parsed)
        text = mermaid.render(found)
        check(text)
        assert text.count("->") == len(found.edges)


HOSTILE = [
    *(
        '"]',
        "end",
        "subgraph",
        "`**x**`",
        '%%{init: {"theme": "dark"}}%%',
        "<script>1</script>",
        "#quot;",
    ),
    *(
        "style a:#x;",
        "a\nend\nb",
        "---",
        "\ud800",
        "🎉",
        "a/b~c",
        "",
        "   ",
        "x" * 500,
        "|x|",
        "A & B",
    ),
    *(
        "\x00\x1b[31m",
        "\u202eabc",
        "1. first",
        "- item",
        'click x href "javascript:1"',
        "\u2028",
        "a;b",
        "_2f_",
    ),
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_no_name_is_more_than_a_name_in_a_chart(name: str) -> None:
    inner = [{name: SET}, {"c": {"switch": [{name: {"then": "end"}}]}}]
    found = drawn({name: {"do": inner}}, {f"{name}2": SET})
    check(mermaid.render(found))


def test_pointers_that_look_alike_are_other_nodes() -> None:
    names = ["a/b", "a~b", "a_b", "a_2f_b", "a b", "A_B", "a-b", "ab"]
    text = mermaid.render(drawn(*({name: SET} for name in names)))
    ids = re.findall(rf"^ +({ID})\[", text, re.MULTILINE)
    assert len(set(ids)) == len(names)
