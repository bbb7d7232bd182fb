"""The page of results is made from results alone; nothing is measured here."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench import report
from bench.page import COLUMNS, program, render
from bench.results import VARIABLE, read, record
from bin.devtools.stack.platform import ROOT

pytestmark = pytest.mark.unit


SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def results_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of results as a measurement writes it."""
    path = tmp_path / "record.jsonl"
    monkeypatch.setenv(VARIABLE, str(path))
    record("pushes", 300.0, "/s", over="bare SQL", baseline=1000.0)
    record("executing <twice> & again", 20.0, "ms", over="a no-op", baseline=10.0, at_most=1.3)
    record("reads", 11.0, "ms", over="the same alone", baseline=10.0, at_most=1.5)
    record("rate", 5.0, "/s", over="bare", baseline=10.0, at_least=0.4)
    for size, figure in ((100, 2.0), (10_000, 2.1), (1_000_000, 3.5)):
        record("pull", figure, "ms", over="among 100", baseline=2.0, at_most=1.5, size=size)
        record("push", figure / 2, "ms", over="among 100", baseline=1.0, at_most=2.0, size=size)
    return path


def run(results: Path, **about: Any) -> dict[str, Any]:
    machine = {"processor": "one of ours", "cores": "2"}
    results_of_file = [asdict(one) for one in read(results)]
    calibration = {"interpreted": [30.0, 31.0], "hashed": [9.0, 9.1]}
    return {
        "ran": "2026-01-01 00:00 UTC",
        "seconds": 60,
        "quick": False,
        "exit": 0,
        "calibration": calibration,
        "output": ["a line that was printed"],
        "results": results_of_file,
        "machine": machine,
    } | about


def rows(page: str) -> Iterator[dict[str, str]]:
    """Yield the rows of every table of results."""
    head = f"| {' | '.join(COLUMNS)} |\n"
    for table in page.split(head)[1:]:
        for line in table.split("\n\n")[0].splitlines()[1:]:
            yield dict(
                zip(COLUMNS, (cell.strip() for cell in line.strip("|").split("|")), strict=True)
            )


def test_every_figure_stands_in_a_row_with_its_baseline(results_file: Path) -> None:
    page, _ = render({"sync": run(results_file)})
    found_rows = list(rows(page))
    assert len(found_rows) == 10
    assert all(re.fullmatch(r"[\d.,]+ \S+: .+", row["baseline"]) for row in found_rows)
    assert found_rows[0] == {
        "claim": "pushes",
        "figure": "300 /s",
        "baseline": "1,000 /s: bare SQL",
        "ratio": "0.30",
        "aim": "",
        "met": "",
    }


def test_what_misses_its_aim_is_told_first(results_file: Path) -> None:
    page, _ = render({"sync": run(results_file)})
    assert "10 figures, 9 of them with an aim, 7 of which meet it." in page
    summary = page.partition("## Machine")[0]
    assert "executing <twice> & again" in summary
    assert "pull, 1,000,000" in summary
    assert "reads" not in summary
    assert [row["met"] for row in rows(page)].count("**no**") == 2


def test_every_plot_that_the_page_shows_is_drawn_and_no_other(results_file: Path) -> None:
    page, plots = render({"sync": run(results_file), "profile push": run(results_file)})
    assert set(re.findall(r"!\[.*\]\(performance/(.*)\)", page)) == set(plots)
    assert set(plots) == {
        "sync.svg",
        "sync-growth.svg",
        "profile-push.svg",
        "profile-push-growth.svg",
    }


def test_a_bar_or_a_point_is_drawn_for_each_figure_within_the_drawing(results_file: Path) -> None:
    _, plots = render({"sync": run(results_file)})
    bars, lines = (ET.fromstring(plots[name]) for name in ("sync.svg", "sync-growth.svg"))  # noqa: S314 - ours
    assert len(bars.findall(f"{SVG}rect[@class='bar']")) == 4
    assert len(lines.findall(f".//{SVG}circle")) == 6
    for drawing in (bars, lines):
        width, height = (float(drawing.attrib[name]) for name in ("width", "height"))
        for text in drawing.iter(f"{SVG}text"):
            assert 0 <= float(text.attrib["x"]) <= width
            assert 0 <= float(text.attrib["y"]) <= height


def test_the_same_record_makes_the_same_page(results_file: Path) -> None:
    assert render({"sync": run(results_file)}) == render({"sync": run(results_file)})


def test_a_measurement_that_broke_off_is_said_to_have(results_file: Path) -> None:
    page, _ = render({"sync": run(results_file, exit=1), "auth": run(results_file)})
    assert "What did not come to its end: [sync](#sync)" in page
    assert page.count("**Did not come to its end (exit 1).**") == 1


def test_figures_that_were_only_tried_out_are_said_to_mean_nothing(results_file: Path) -> None:
    assert "Only tried out" in render({"sync": run(results_file, quick=True)})[0]
    assert "Only tried out" not in render({"sync": run(results_file)})[0]


def test_a_figure_without_a_baseline_is_refused(results_file: Path) -> None:
    before = results_file.read_text()
    with pytest.raises(ValueError, match="needs a baseline"):
        record("alone", 1.0, "s", over="", baseline=1.0)
    with pytest.raises(ValueError, match="needs a baseline"):
        record("alone", 1.0, "s", over="nothing", baseline=0.0)
    assert results_file.read_text() == before


def test_every_measurement_of_the_report_is_a_command_that_says_what_it_measures() -> None:
    for name, (_, module, *_) in report.COMMANDS.items():
        source = program(name).read_text()
        assert module == f"bench.{name.partition(' ')[0]}"
        assert f"python -m {module}" in source
        assert "record(" in source


def test_the_report_writes_all_of_the_page_from_nothing(results_file: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "operations").mkdir(parents=True)
    scale = (ROOT / "docs" / "operations" / "scale.md").read_text()
    (docs / "operations" / "scale.md").write_text(scale)
    report.write({"sync": run(results_file)}, docs)
    page = (docs / "performance.md").read_text()
    files = re.findall(r"\(performance/(.*\.svg)\)", page)
    assert files
    assert all((docs / "performance" / name).exists() for name in files)
