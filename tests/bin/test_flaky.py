"""`bin/flaky` on a small suite of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.platform import ROOT

pytestmark = pytest.mark.unit

SUITE = """
import os, signal
from pathlib import Path

import pytest

HERE = Path(__file__).parent

@pytest.mark.parametrize("number", range(8))
def test_order(number):
    with (HERE / "order").open("a") as order:
        order.write(str(number))

def test_fails_at_first():
    first = HERE / "first"
    assert first.exists() or first.touch()

def test_interrupts_once():
    interrupt = HERE / "interrupt"
    if interrupt.exists():
        interrupt.unlink()
        os.kill(os.getppid(), signal.SIGINT)
        signal.pause()
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A file of tests: one fails in the first run, and one can be told to interrupt its parent."""
    file = tmp_path / "test_suite.py"
    file.write_text(SUITE)
    return file


def flaky(suite: Path, *words: str) -> subprocess.CompletedProcess[str]:
    log = ["--log", str(suite.parent / "log"), "--seed", "7"]
    command = [
        sys.executable,
        "-m",
        "bin.devtools.ops.flaky",
        *log,
        *words,
        "-p",
        "no:cacheprovider",
        str(suite),
    ]
    environ = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the suite needs none
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def runs(suite: Path) -> list[dict[str, Any]]:
    record: list[dict[str, Any]] = json.loads((suite.parent / "log" / "series.json").read_text())[
        "runs"
    ]
    return record


def test_what_failed_in_any_run_is_named_with_its_seed_and_the_order_changes(suite: Path) -> None:
    result = flaky(suite, "--runs", "3", "--pressure")
    assert result.returncode == 1, result.stderr
    assert result.stdout.splitlines()[-2:] == [
        "1 tests failed in 3 runs",
        "   1 test_suite::test_fails_at_first (seeds 7)",
    ]
    assert [run["seed"] for run in runs(suite)] == [7, 8, 9]
    order = (suite.parent / "order").read_text()
    assert len({order[:8], order[8:16], order[16:]}) > 1


def test_a_series_that_was_stopped_goes_on_with_the_run_it_was_in(suite: Path) -> None:
    (suite.parent / "interrupt").touch()
    (suite.parent / "first").touch()
    first_result = flaky(suite, "--runs", "2")
    assert first_result.returncode == 130, first_result.stderr
    assert not (suite.parent / "log" / "series.json").exists()
    assert flaky(suite, "--runs", "1").returncode == 0
    (suite.parent / "first").unlink()
    result = flaky(suite, "--runs", "2")
    assert "going on after 1 of 2 runs" in result.stdout
    assert (result.returncode, [run["seed"] for run in runs(suite)]) == (1, [7, 8])


def test_a_run_without_any_test_has_not_passed(suite: Path) -> None:
    result = flaky(suite, "--runs", "1", "-k", "nothing")
    assert result.returncode == 1
    assert "pytest itself, with exit status 5" in result.stdout
