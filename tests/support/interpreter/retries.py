"""Documents that fail at first and succeed when they are retried."""

from __future__ import annotations

from typing import Any

from tests.support.interpreter.rests import adding

Steps = list[dict[str, Any]]
USE = {"secrets": ["mood"]}
RAISED = {"raise": {"error": {"type": "urn:x", "status": 500}}}
GATE = {"gate": {"if": '$secrets.mood == "bad"', **RAISED}}
SHUT = {"mood": "bad"}
OPEN = {"mood": "good"}
SHORTLY = {"milliseconds": 10}
WHOLE: dict[str, Steps] = {
    "a list": [adding("a"), GATE, adding("b")],
    "the first step": [GATE, adding("a")],
    "a list in a list": [{"in": {"do": [adding("a"), GATE, adding("b")]}}, adding("c")],
    "a loop": [
        {
            "each": {
                "for": {"each": "e", "in": "[range(3)]"},
                "do": [
                    adding("a"),
                    {"gate": {"if": '$e == 1 and $secrets.mood == "bad"', **RAISED}},
                ],
            }
        }
    ],
    "an export": [
        adding("a", export={"as": {"kept": "${ .path }"}}),
        GATE,
        adding("b"),
        {"c": {"set": "${ $context }"}},
    ],
    "a try that does not catch": [
        {
            "t": {
                "try": [adding("a"), GATE, adding("b")],
                "catch": {"errors": {"with": {"status": 404}}},
            }
        }
    ],
    "a try that gave up": [
        {
            "t": {
                "try": [adding("a"), GATE, adding("b")],
                "catch": {"retry": {"delay": SHORTLY, "when": "${ false }"}},
            }
        },
        adding("c"),
    ],
    "a handler": [
        {"t": {"try": [{"bad": RAISED}], "catch": {"do": [adding("a"), GATE, adding("b")]}}},
        adding("c"),
    ],
    "a branch": [
        {
            "all": {
                "fork": {
                    "branches": [
                        {"left": {"do": [adding("a"), GATE, adding("b")]}},
                        {"right": {"do": [adding("c"), {"nap": {"wait": SHORTLY}}, adding("d")]}},
                    ]
                }
            }
        },
        {"last": {"set": {"all": "${ . }"}}},
    ],
    "a function": [adding("a"), {"f": {"call": "fun"}}, adding("b")],
}
