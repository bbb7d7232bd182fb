"""The page of results: a table and a plot for each measurement, from the recorded results alone."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import plots
from bench.results import Result
from bin.devtools.stack.platform import ROOT

HEAD = """\
# Performance

`python -m bench.report` writes this page from the measurements; nothing here is written by hand.
Each figure stands beside a baseline, which the same run measured on the same machine, by turns
where possible. The ratio of the two can be compared between machines, the figure cannot. An aim is
what the ratio should be; a row without an aim has none.
"""
QUICK = "\n**Only tried out: these figures mean nothing.**\n"
COLUMNS = ("claim", "figure", "baseline", "ratio", "aim", "met")
VERDICTS = {True: "yes", False: "**no**", None: ""}


def render(runs: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict[str, str]]:
    """Return the page (Markdown), and its plots (SVG) by file name."""
    plot_files: dict[str, str] = {}
    parts = [HEAD]
    if any(run["quick"] for run in runs.values()):
        parts.append(QUICK)
    parts += [_summary(runs), _machines(runs)]
    for name, run in runs.items():
        results = [Result.of(row) for row in run["results"]]
        files = dict(_plots(name, results))
        plot_files |= files
        parts.append(_section(name, run, results, list(files)))
    return "\n".join(parts), plot_files


def number(value: float) -> str:
    """Return a figure with three significant digits, and thousands separated by commas."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _summary(runs: Mapping[str, Mapping[str, Any]]) -> str:
    results = [(name, Result.of(row)) for name, run in runs.items() for row in run["results"]]
    with_aim = [(name, result) for name, result in results if result.meets_aim is not None]
    misses = [(name, result) for name, result in with_aim if not result.meets_aim]
    hits = len(with_aim) - len(misses)
    text = (
        f"{len(results)} figures, {len(with_aim)} of them with an aim, {hits} of which meet it.\n"
    )
    if misses:
        rows = [[_link(name), *_row(result)[:-1]] for name, result in misses]
        text += "\nWhat misses its aim:\n\n" + table(["measurement", *COLUMNS[:-1]], rows)
    if failures := [name for name, run in runs.items() if run["exit"]]:
        text += "\nWhat did not come to its end: " + ", ".join(map(_link, failures)) + "\n"
    return text


def _machines(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """Return which measurement ran on which machine, and the speed of two fixed pieces of work."""
    names = defaultdict(list)
    for name, run in runs.items():
        names[tuple(run["machine"].items())].append(name)
    parts = ["## Machine\n"]
    for machine, here in names.items():
        rows = [list(pair) for pair in machine]
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
        "Calibration: milliseconds of a fixed loop in Python and of hashing 16 MiB, before and "
        "after each measurement. Where the two differ, something else was running.\n"
    )
    parts.append(table(["measurement", "when", "took", "loop, ms", "hashing, ms"], rows))
    return "\n".join(parts)


def _section(
    name: str, run: Mapping[str, Any], results: Sequence[Result], files: Sequence[str]
) -> str:
    parts = [f"## {name}\n", f"`python -m bench.{name}`. {_description(name)}\n"]
    if run["exit"]:
        parts.append(f"**Did not come to its end (exit {run['exit']}).**\n")
    if results:
        parts.append(table(COLUMNS, [_row(result) for result in results]))
    parts += [f"![{name}](performance/{file})\n" for file in files]
    output = "\n".join(run["output"])
    parts.append(f"<details><summary>Output</summary>\n\n```\n{output}\n```\n\n</details>\n")
    return "\n".join(parts)


def _description(name: str) -> str:
    """Return the docstring of the measurement without its first line."""
    source = program(name).read_text()
    paragraphs = (ast.get_docstring(ast.parse(source)) or "").split("\n\n", 1)
    return " ".join(paragraphs[-1].split())


def program(name: str) -> Path:
    """Return the file of a measurement: a module of `bench`, or the main module of a package."""
    path = ROOT / "bench" / name.partition(" ")[0]
    return path / "__main__.py" if path.is_dir() else path.with_suffix(".py")


def _row(result: Result) -> list[str]:
    size = "" if result.size is None else f", {result.size:,.0f}"
    return [
        f"{result.claim}{size}",
        f"{number(result.figure)} {result.unit}",
        f"{number(result.baseline)} {result.unit}: {result.over}",
        f"{result.ratio:.2f}",
        result.aim,
        VERDICTS[result.meets_aim],
    ]


def _plots(name: str, results: Sequence[Result]) -> Iterator[tuple[str, str]]:
    """Yield the plots of a measurement: lines of what grows, bars of the rest."""
    file = name.replace(" ", "-").replace("_", "-")
    growing = [result for result in results if result.size is not None]
    level = [result for result in results if result.size is None and not result.detail]
    if growing:
        series: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for result in growing:
            series[result.claim].append((result.size or 0.0, result.ratio))
        aims = {result.at_most for result in growing} - {None}
        unit = f"ratio to: {growing[0].over}"
        yield (
            f"{file}-growth.svg",
            plots.lines(name, unit, series, max(filter(None, aims), default=None)),
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
