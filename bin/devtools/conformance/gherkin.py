"""The subset of Gherkin that the conformance kit uses: scenarios, steps, doc strings."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_KEYWORDS = ("Given ", "When ", "Then ", "And ", "But ")
_QUOTES = '"""'


@dataclass(frozen=True, slots=True)
class Line:
    """One step: its text without the keyword, and its doc string."""

    text: str
    doc: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario of a feature file."""

    feature: str
    name: str
    lines: tuple[Line, ...]


def scenarios(path: Path) -> list[Scenario]:
    """Return the scenarios of a feature file, in order."""
    results: list[Scenario] = []
    name, lines = "", list[Line]()
    rows = iter(path.read_text().splitlines())
    for row in rows:
        text = row.strip()
        if text.startswith("Scenario:"):
            if name:
                results.append(Scenario(path.stem, name, tuple(lines)))
            name, lines = text.removeprefix("Scenario:").strip(), []
        elif text.startswith(_QUOTES) and lines:
            lines[-1] = Line(lines[-1].text, _doc_string(rows))
        elif text.startswith(_KEYWORDS) and name:
            lines.append(Line(text.partition(" ")[2].strip()))
    return [*results, Scenario(path.stem, name, tuple(lines))] if name else results


def _doc_string(rows: Iterator[str]) -> str:
    lines: list[str] = []
    for row in rows:
        if row.strip() == _QUOTES:
            break
        lines.append(row)
    return textwrap.dedent("\n".join(lines))
