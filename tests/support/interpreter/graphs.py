"""Definitions for tests of graphs."""

from __future__ import annotations

from typing import Any

from bin.devtools.conformance.gherkin import scenarios
from engine.errors import EngineError
from engine.interpreter import documents, graph
from engine.interpreter.graph import Graph
from tests.support.interpreter.executions import HEADER
from tests.support.platform import ROOT

FEATURES = sorted((ROOT / "tests" / "engine" / "scenarios").glob("*.feature"))
SET = {"set": {"a": 1}}


def drawn(*steps: dict[str, Any], **top: Any) -> Graph:
    document = {"document": HEADER, "do": list(steps), **top}
    assert documents.check(document) == []
    return graph.draw(documents.parse(document))


def definitions() -> list[tuple[str, Any]]:
    """Return all documents of the scenarios that can run, by the scenario's name."""
    definitions = []
    for path in FEATURES:
        for scenario in scenarios(path):
            for line in scenario.lines:
                if line.text.endswith("workflow with definition:"):
                    try:
                        definition = documents.parse(
                            documents.read(line.doc or "", "application/yaml")
                        )
                    except EngineError:
                        continue  # a scenario of what is refused
                    definitions.append((f"{scenario.feature}: {scenario.name}", definition))
    return definitions
