"""The arithmetic of the page about many accounts."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench import scale
from bench.results import Result
from bin.devtools.stack.platform import ROOT

pytestmark = pytest.mark.unit


PAGE = ROOT / "docs" / "operations" / "scale.md"


def measurement(claims: dict[str, tuple[float, str]]) -> dict[str, Any]:
    """Return a measurement with these figures, each beside a baseline of 100."""
    results = [
        Result(claim, figure, unit, "bare", 100.0) for claim, (figure, unit) in claims.items()
    ]
    return {"exit": 0, "results": [asdict(one) for one in results]}


@pytest.fixture
def runs() -> dict[str, Any]:
    return {
        "cpu_cost": measurement(
            {"a push, web": (4000.0, "µs"), "a push, PostgreSQL": (1000.0, "µs")}
        ),
        "memory": measurement(
            {"web, at the start": (90.0, "MB"), "web, after the load": (120.0, "MB")}
        ),
        "million_pushes": measurement(
            {"database, a push": (3000.0, "B"), "written ahead, a push": (5000.0, "B")}
        ),
        "live_streams": measurement({"memory of web with 1000 streams": (130.0, "MB")}),
    }


def test_cores_are_what_a_request_takes_times_its_rate_at_the_peak(runs: dict[str, Any]) -> None:
    figures = scale.Figures.of(runs)
    assert figures is not None
    pushes = 1e6 * scale.DAILY_ACTIVE * scale.A_DAY["a push"] * scale.PEAK / 86_400
    assert scale.rate("a push", 1e6) == pytest.approx(pushes)
    assert figures.cores("web", 1e6) == pytest.approx(pushes * 0.004 / scale.USAGE_MAX)
    assert figures.cores("channels", 1e6) == 0
    assert figures.stream_bytes == pytest.approx(30_000)


def test_what_gives_first_is_on_top_and_what_nobody_uses_is_not_there(runs: dict[str, Any]) -> None:
    figures = scale.Figures.of(runs)
    assert figures is not None
    rows = [line.split(" | ") for line in scale.first(figures).splitlines()[2:]]
    assert [row[0].strip("| ") for row in rows] == ["web", "PostgreSQL", "writing ahead"]


def test_the_tables_stand_in_the_page_and_the_rest_of_it_stays(
    runs: dict[str, Any], tmp_path: Path
) -> None:
    page = tmp_path / "scale.md"
    page.write_text(PAGE.read_text())
    scale.rewrite(page, runs)
    first = page.read_text()
    assert scale.MISSING not in first
    assert "| web, cores | 2.22 | 22.2 | 222 |" in first
    assert [line for line in first.splitlines() if line.startswith("#")] == [
        line for line in PAGE.read_text().splitlines() if line.startswith("#")
    ]
    scale.rewrite(page, runs)
    assert page.read_text() == first


def test_nothing_is_reckoned_without_figures(runs: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "scale.md"
    page.write_text(PAGE.read_text())
    scale.rewrite(page, {name: run for name, run in runs.items() if name != "cpu_cost"})
    assert page.read_text().count(scale.MISSING) == 3
    assert scale.Figures.of(runs | {"live_streams": runs["live_streams"] | {"exit": 1}}) is None


def test_a_page_without_a_place_for_a_table_is_refused(
    runs: dict[str, Any], tmp_path: Path
) -> None:
    page = tmp_path / "scale.md"
    page.write_text("nothing\n")
    with pytest.raises(ValueError, match="no place for"):
        scale.rewrite(page, runs)
