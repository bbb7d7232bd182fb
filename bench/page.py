"""The page of results: a table and a plot for each measurement, made of what was recorded alone."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench import plots
from bench.results import Result
from bin.devtools.stack.platform import ROOT

HEAD = """\
# Performance

Made by `python -m bench.report`, which measures all of it anew; nothing here is written by hand. Each figure
stands beside a baseline that was measured in the same run on the same machine, by turns where that is
possible, and is told as the ratio of the two: a ratio can be compared between machines, a figure cannot. An
aim is what the ratio should be; where none is named, none has been set.
"""
QUICK = "\n**Only tried out: these figures mean nothing.**\n"
COLUMNS = ("claim", "figure", "baseline", "ratio", "aim", "met")
MET = {True: "yes", False: "**no**", None: ""}


def written(runs: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict[str, str]]:
    """Return the page (Markdown), and its plots (SVG) by file name."""
    drawn: dict[str, str] = {}
    parts = [HEAD]
    if any(run["quick"] for run in runs.values()):
        parts.append(QUICK)
    parts += [_summary(runs), _machines(runs)]
    for name, run in runs.items():
        found = [Result.of(told) for told in run["results"]]
        made = dict(_plots(name, found))
        drawn |= made
        parts.append(_section(name, run, found, list(made)))
    return "\n".join(parts), drawn


def number(value: float) -> str:
    """Return a figure as it is read: three digits that count, thousands set apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _summary(runs: Mapping[str, Mapping[str, Any]]) -> str:
    found = [(name, Result.of(told)) for name, run in runs.items() for told in run["results"]]
    aimed = [(name, result) for name, result in found if result.met is not None]
    missed = [(name, result) for name, result in aimed if not result.met]
    met = len(aimed) - len(missed)
    text = f"{len(found)} figures, {len(aimed)} of them with an aim, {met} of which meet it.\n"
    if missed:
        rows = [[_link(name), *_row(result)[:-1]] for name, result in missed]
        text += "\nWhat misses its aim:\n\n" + table(["measurement", *COLUMNS[:-1]], rows)
    if broken := [name for name, run in runs.items() if run["exit"]]:
        text += "\nWhat did not come to its end: " + ", ".join(map(_link, broken)) + "\n"
    return text


def _machines(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what ran where, and how fast two fixed pieces of work were then."""
    names = defaultdict(list)
    for name, run in runs.items():
        names[tuple(run["machine"].items())].append(name)
    parts = ["## Machine\n"]
    for described, here in names.items():
        rows = [list(pair) for pair in described]
        if len(names) > 1:
            rows.append(["measured here", ", ".join(here)])
        parts.append(table(["of", "what"], rows))
    rows = [
        [_link(name), run["ran"], f"{run['seconds']} s"]
        + [
            " · ".join(number(value) for value in run["calibration"][work])
            for work in ("interpreted", "hashed")
        ]
        for name, run in runs.items()
    ]
    parts.append(
        "Calibration: milliseconds of a fixed loop in Python and of hashing 16 MiB, before and after each "
        "measurement. Where the two differ, something else was running.\n"
    )
    parts.append(table(["measurement", "when", "took", "loop, ms", "hashing, ms"], rows))
    return "\n".join(parts)


def _section(
    name: str, run: Mapping[str, Any], found: Sequence[Result], made: Sequence[str]
) -> str:
    parts = [f"## {name}\n", f"`python -m bench.{name}`. {_described(name)}\n"]
    if run["exit"]:
        parts.append(f"**Did not come to its end (exit {run['exit']}).**\n")
    if found:
        parts.append(table(COLUMNS, [_row(result) for result in found]))
    parts += [f"![{name}](performance/{file})\n" for file in made]
    output = "\n".join(run["output"])
    parts.append(f"<details><summary>Output</summary>\n\n```\n{output}\n```\n\n</details>\n")
    return "\n".join(parts)


def _described(name: str) -> str:
    """Return what the measurement says of itself, but for its first line."""
    source = (ROOT / "bench" / f"{name.partition(' ')[0]}.py").read_text()
    said = (ast.get_docstring(ast.parse(source)) or "").split("\n\n", 1)
    return " ".join(said[-1].split())


def _row(result: Result) -> list[str]:
    size = "" if result.size is None else f", {result.size:,.0f}"
    return [
        f"{result.claim}{size}",
        f"{number(result.figure)} {result.unit}",
        f"{number(result.baseline)} {result.unit}: {result.over}",
        f"{result.ratio:.2f}",
        result.aim,
        MET[result.met],
    ]


def _plots(name: str, found: Sequence[Result]) -> Iterator[tuple[str, str]]:
    """Yield the plots of a measurement: lines of what grows, bars of the rest."""
    file = name.replace(" ", "-").replace("_", "-")
    growing = [result for result in found if result.size is not None]
    level = [result for result in found if result.size is None and not result.detail]
    if growing:
        series: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for result in growing:
            series[result.claim].append((result.size or 0.0, result.ratio))
        aims = {result.at_most for result in growing} - {None}
        told = f"ratio to: {growing[0].over}"
        yield (
            f"{file}-growth.svg",
            plots.lines(name, told, series, max(filter(None, aims), default=None)),
        )
    if level:
        rows = [
            (
                f"{result.claim} / {result.over}" if _twice(result, level) else result.claim,
                result.ratio,
                result.at_most if result.at_least is None else result.at_least,
                f"{result.ratio:.2f}",
            )
            for result in level
        ]
        yield f"{file}.svg", plots.bars(name, rows)


def _twice(result: Result, among: Sequence[Result]) -> bool:
    return sum(other.claim == result.claim for other in among) > 1


def _link(name: str) -> str:
    return f"[{name}](#{name.replace(' ', '-')})"
