"""Graphs of definitions: every kind of step, and every way between them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import TooLargeError
from engine.interpreter import graph
from engine.interpreter.constructs import registry
from engine.interpreter.graph import Graph
from tests.support.interpreter.graphs import SET, definitions, drawn

pytestmark = pytest.mark.unit


RAISE = {"raise": {"error": {"type": "https://example.com/e", "status": 500}}}
# The scenarios' own dead code: what a jump passes over, and what stands behind `exit`.
DEAD = {
    "directives: A jump forwards leaves out what is between": {"/do/1/second"},
    "directives: Exit leaves the list and no more": {"/do/0/within/do/1/never"},
    "directives: Exit in the main list ends the workflow": {"/do/1/never"},
    "timeouts: A caught error may lead elsewhere": {"/do/1/never"},
}


def edges(found: Graph) -> set[tuple[str, str, str, str | None]]:
    """Return the edges, each step by the last part of its pointer."""

    def short(pointer: str) -> str:
        return {"": "^", graph.ENDING: "$"}.get(pointer) or pointer.rpartition("/")[2]

    return {(short(edge.source), short(edge.target), edge.kind, edge.label) for edge in found.edges}


def unreached(found: Graph) -> set[str]:
    ways: dict[str, set[str]] = {}
    for edge in found.edges:
        ways.setdefault(edge.source, set()).add(edge.target)
    seen, ahead = set(), [graph.BEGINNING]
    while ahead:
        node = ahead.pop()
        if node not in seen:
            seen.add(node)
            ahead += ways.get(node, ())
    return {node.id for node in found.nodes} - seen


def test_steps_follow_one_another_from_the_beginning_to_the_end() -> None:
    found = drawn({"a": SET}, {"b": {"wait": {"seconds": 1}}})
    assert found.to_json() == {
        "nodes": [
            {"id": "", "kind": "workflow", "name": "case", "parent": None},
            {"id": "/do/0/a", "kind": "set", "name": "a", "parent": ""},
            {"id": "/do/1/b", "kind": "wait", "name": "b", "parent": ""},
            {"id": "/do/-", "kind": "end", "name": "end", "parent": ""},
        ],
        "edges": [
            {"from": "", "to": "/do/0/a", "kind": "sequence", "label": None},
            {"from": "/do/0/a", "to": "/do/1/b", "kind": "sequence", "label": None},
            {"from": "/do/1/b", "to": "/do/-", "kind": "sequence", "label": None},
        ],
    }


def test_a_then_jumps_forwards_and_backwards_and_ends() -> None:
    found = drawn({"a": SET}, {"b": {**SET, "then": "a"}}, {"c": {**SET, "then": "end"}})
    assert edges(found) == {
        ("^", "a", "sequence", None),
        ("a", "b", "sequence", None),
        ("b", "a", "then", None),
        ("c", "$", "end", None),
    }
    assert unreached(found) == {"/do/2/c", graph.ENDING}


def test_a_workflow_that_never_ends_has_no_end() -> None:
    found = drawn({"a": {**SET, "then": "a"}})
    assert edges(found) == {("^", "a", "sequence", None), ("a", "a", "then", None)}
    assert [node.name for node in found.nodes] == ["case", "a"]


def test_a_condition_may_leave_a_step_out() -> None:
    found = drawn({"a": {**SET, "if": "${ .x }", "then": "end"}}, {"b": {**SET, "if": "${ .y }"}})
    assert edges(found) == {
        ("^", "a", "sequence", None),
        ("a", "$", "end", None),
        ("a", "b", "skip", None),
        ("b", "$", "sequence", None),
        ("b", "$", "skip", None),
    }


def test_a_switch_leads_where_its_cases_say_and_without_a_last_resort_onwards() -> None:
    cases = [
        {"one": {"when": "${ .x }", "then": "c"}},
        {"two": {"when": "${ .y }", "then": "continue"}},
    ]
    found = drawn({"a": {"switch": cases}}, {"b": SET}, {"c": SET})
    assert {edge for edge in edges(found) if edge[0] == "a"} == {
        ("a", "c", "case", "one"),
        ("a", "b", "case", "two"),
        ("a", "b", "sequence", None),
    }
    otherwise = drawn(
        {"a": {"switch": [*cases, {"three": {"then": "exit"}}], "then": "c"}},
        {"b": SET},
        {"c": SET},
    )
    assert {edge for edge in edges(otherwise) if edge[0] == "a"} == {
        ("a", "c", "case", "one"),
        ("a", "b", "case", "two"),
        ("a", "$", "case", "three"),
    }


def test_a_list_within_is_entered_and_left_as_its_step_says() -> None:
    inner = [{"x": {**SET, "then": "exit"}}, {"y": SET}]
    found = drawn({"a": {"do": inner, "then": "c"}}, {"b": SET}, {"c": SET})
    assert {edge for edge in edges(found) if edge[0] in "axy"} == {
        ("a", "x", "do", None),
        ("x", "c", "exit", None),
        ("y", "c", "then", None),
    }
    assert {node.parent for node in found.nodes if node.name in "xy"} == {"/do/0/a"}


def test_branches_begin_and_end_with_their_fork_wherever_they_lead() -> None:
    branches = [{"l": {**SET, "then": "end"}}, {"r": {"switch": [{"o": {"then": "end"}}]}}]
    found = drawn({"f": {"fork": {"branches": branches}}}, {"b": SET})
    assert {edge for edge in edges(found) if edge[0] in "flr"} == {
        ("f", "l", "branch", "l"),
        ("f", "r", "branch", "r"),
        ("l", "b", "sequence", None),
        ("r", "b", "case", "o"),
    }


@pytest.mark.parametrize(
    "looping",
    [
        {"for": {"in": "${ [1] }"}, "do": [{"x": SET}, {"y": SET}]},
        {"listen": {"to": {"any": []}}, "foreach": {"do": [{"x": SET}, {"y": SET}]}},
        {
            "call": "asyncapi",
            "with": {
                "document": {"endpoint": "https://example.com/a.json"},
                "channel": "c",
                "subscription": {
                    "consume": {"amount": 1},
                    "foreach": {"do": [{"x": SET}, {"y": SET}]},
                },
            },
        },
    ],
    ids=["for", "listen", "subscription"],
)
def test_rounds_go_back_to_their_step_which_leads_on(looping: dict[str, Any]) -> None:
    found = drawn({"l": looping}, {"b": SET})
    assert {edge for edge in edges(found) if edge[0] in "lxy"} == {
        ("l", "x", "loop", None),
        ("x", "y", "sequence", None),
        ("y", "l", "next", None),
        ("l", "b", "sequence", None),
    }


def test_errors_go_to_the_nearest_catch_and_else_to_the_end() -> None:
    tried = {"try": [{"x": RAISE}], "catch": {"do": [{"h": RAISE}], "then": "c"}}
    found = drawn({"t": tried}, {"b": SET}, {"c": SET})
    assert {edge for edge in edges(found) if edge[0] in "txh"} == {
        ("t", "x", "try", None),
        ("x", "h", "fault", None),
        ("t", "h", "catch", None),
        ("h", "$", "fault", None),
    }


def test_what_is_caught_without_a_handler_goes_on_unless_it_is_tried_again() -> None:
    steps = [{"x": SET}]
    plain = drawn({"t": {"try": steps, "catch": {"then": "c"}}}, {"b": SET}, {"c": SET})
    assert {edge for edge in edges(plain) if edge[0] in "tx"} == {
        ("t", "x", "try", None),
        ("x", "b", "sequence", None),
        ("t", "c", "catch", None),
    }
    retry = {"delay": {"seconds": 1}}
    again = drawn({"t": {"try": [{"x": RAISE}], "catch": {"retry": retry}}}, {"b": SET})
    assert {edge for edge in edges(again) if edge[0] in "tx"} == {
        ("t", "x", "try", None),
        ("t", "t", "retry", None),
        ("x", "$", "fault", None),
    }


def test_functions_and_extensions_are_drawn_once_and_lead_back() -> None:
    use = {
        "functions": {"twice": {"do": [{"x": SET}, {"y": RAISE}]}, "unused": SET},
        "extensions": [{"log": {"extend": "call", "before": [{"p": SET}], "after": [{"q": SET}]}}],
    }
    found = drawn({"a": {"call": "twice"}}, {"b": {"call": "twice"}}, use=use)
    assert edges(found) == {
        ("^", "a", "sequence", None),
        ("a", "b", "sequence", None),
        ("b", "$", "sequence", None),
        *((caller, "twice", "call", None) for caller in "ab"),
        ("twice", "x", "do", None),
        ("x", "y", "sequence", None),
        *((caller, "p", "before", None) for caller in "ab"),
        *((caller, "q", "after", None) for caller in "ab"),
    }
    assert "/use/functions/twice" in {node.id for node in found.nodes}


def test_the_scenarios_have_every_kind_of_step() -> None:
    seen = {node.kind for _, parsed in definitions() for node in graph.draw(parsed).nodes}
    assert seen == {*registry.CONSTRUCTS, "workflow", "end"}


def test_edges_name_nodes_and_every_node_is_reached_but_dead_code() -> None:
    told = definitions()
    assert len(told) > 250
    for name, parsed in told:
        found = graph.draw(parsed)
        ids = [node.id for node in found.nodes]
        assert len(set(ids)) == len(ids)
        assert {end for edge in found.edges for end in (edge.source, edge.target)} <= set(ids), name
        assert {node.parent for node in found.nodes} - {None} <= set(ids), name
        assert unreached(found) == DEAD.get(name, set()), name


def test_a_graph_of_too_many_edges_is_refused() -> None:
    cases = [{f"c{number}": {"then": "continue"}} for number in range(graph.EDGES_MAX)]
    with pytest.raises(TooLargeError, match="edges"):
        drawn({"a": {"switch": cases}})
