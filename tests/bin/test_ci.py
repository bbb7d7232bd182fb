"""`bin/ci`: its lanes, its summary and its last line, with short commands as parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from bin.devtools.ops import ci
from bin.devtools.ops.ci import Part, PartError, Run

pytestmark = pytest.mark.unit


def shell(name: str, script: str, seconds_max: int = 60) -> Part:
    return Part(name, ("/bin/sh", "-c", script), seconds_max)


def test_lanes_run_side_by_side_and_the_parts_of_a_lane_in_their_order(tmp_path: Path) -> None:
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    run = Run(tmp_path)
    run.run_lanes([shell("make", f"mkfifo {pipe}")])
    # A pipe opens once both ends are there, so these lanes end only when they run at once.
    run.run_lanes(
        [shell("write", f"echo word > {pipe}")],
        [shell("read", f"read word < {pipe} && echo $word > {file}"), shell("look", f"cat {file}")],
    )
    assert (tmp_path / "look.log").read_text() == "word\n"
    assert {part.name for part in run.seconds} == {"make", "write", "read", "look"}


def test_the_first_failure_stops_the_other_lane_and_has_its_log(tmp_path: Path) -> None:
    pipe, signal = tmp_path / "pipe", tmp_path / "signal"
    run = Run(tmp_path)
    run.run_lanes([shell("make", f"mkfifo {pipe}")])
    # The first lane fails once the second is at work, which then waits for a writer of its own.
    endless = f"trap 'echo TERM > {signal}; exit' TERM; echo word > {pipe}; read word < {pipe}"
    with pytest.raises(PartError, match="broken failed after") as failure:
        run.run_lanes(
            [shell("broken", f"read word < {pipe}; echo reason; exit 3"), shell("next", "true")],
            [shell("endless", endless)],
        )
    assert failure.value.log.read_text() == "reason\n"
    assert signal.read_text() == "TERM\n"
    assert [part.name for part in run.seconds] == ["make"]


def test_the_summary_marks_the_parts_over_their_bounds(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.seconds |= {shell("quick", "", 10): 4.4, shell("slow", "", 10): 11.0}
    rows = [line.split() for line in run.summary().splitlines()]
    assert rows[:3] == [
        ["part", "seconds", "bound"],
        ["quick", "4", "10"],
        ["slow", "11", "10", "over"],
    ]
    assert rows[3][:2] + rows[3][3:] == ["whole", "run", str(ci.RUN_SECONDS_MAX)]


def test_the_last_line_of_the_tests_is_left_to_be_printed_last(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    part = shell("test", "echo one test; echo 1 failed; exit 1")
    assert Run(tmp_path).run_last(part) == (1, "1 failed\n")
    assert capfd.readouterr().out == "one test\n"


def test_the_bounds_of_the_parts_leave_the_whole_run_within_its_own() -> None:
    lanes = (ci.WORK, (*ci.kit_parts("kit"), *ci.WAITS))
    longest = max(sum(part.seconds_max for part in lane) for lane in lanes)
    assert ci.SETUP.seconds_max + longest + ci.TEST.seconds_max <= ci.RUN_SECONDS_MAX
