"""`bin/flaky`: tests run again and again in random order, and a list of those that ever failed."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from xml.etree import ElementTree as ET

from bin.devtools.stack.server import start, stop_all

ROOT = Path(__file__).parents[3]
LOG = ROOT / ".cloudapi" / "flaky"
ALL_TESTS = ["--numprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder"]
PASSED, FAILED, INTERRUPTED = 0, 1, 130
STOP_SECONDS_MAX = 60.0  # in which pytest stops its servers


@dataclass(frozen=True, slots=True)
class Run:
    """One run that ended: its number from 1, its seed, its seconds and the tests that failed."""

    number: int
    seed: int
    seconds: float
    failures: list[str]


@dataclass(frozen=True, slots=True)
class Series:
    """What is run, and the seed that the seeds of its runs are counted from."""

    pytest_args: list[str]
    pressure: bool
    seed: int
    runs: list[Run] = field(default_factory=list)

    def failures(self) -> dict[str, list[Run]]:
        """Return the runs that each test failed in."""
        runs_by_test: dict[str, list[Run]] = defaultdict(list)
        for run in self.runs:
            for test in run.failures:
                runs_by_test[test].append(run)
        return runs_by_test


def main() -> int:
    """Run the series that the command line names; return 1 when any test failed in any run."""
    parser = argparse.ArgumentParser(
        prog="bin/flaky",
        description=__doc__,
        epilog="Other arguments go to pytest; without any, all tests run.",
    )
    parser.add_argument("--runs", type=int, default=10, help="how many runs (10)")
    parser.add_argument("--pressure", action="store_true", help="keep each core busy meanwhile")
    parser.add_argument(
        "--seed", type=int, help="of the first run; each further one has the next number"
    )
    parser.add_argument(
        "--log", type=Path, default=LOG, help="where the log is kept (.cloudapi/flaky)"
    )
    options, pytest_args = parser.parse_known_args()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    options.log.mkdir(parents=True, exist_ok=True)
    series = _resume(
        options.log, pytest_args, options.runs, pressure=options.pressure, seed=options.seed
    )
    try:
        with _pressure(options.log) if options.pressure else nullcontext():
            while len(series.runs) < options.runs:
                series.runs.append(_run(series, options.log))
                _save(series, options.log)
                _print_run(series.runs[-1], options.runs)
    except KeyboardInterrupt:
        _print_failures(series)
        print("stopped: the same command goes on from here")
        return INTERRUPTED
    _print_failures(series)
    return FAILED if series.failures() else PASSED


def _resume(
    log: Path, pytest_args: list[str], runs: int, *, pressure: bool, seed: int | None
) -> Series:
    """Return the series in the log when it is the same one and has runs left, else a new one."""
    record = log / "series.json"
    if record.exists():
        read = json.loads(record.read_text())
        series = Series(**read | {"runs": [Run(**run) for run in read["runs"]]})
        same = (series.pytest_args, series.pressure) == (pytest_args, pressure)
        if same and seed in {None, series.seed} and len(series.runs) < runs:
            print(
                f"going on after {len(series.runs)} of {runs} runs; the log is in {log}", flush=True
            )
            return series
    return Series(pytest_args, pressure, secrets.randbelow(2**31) if seed is None else seed)


def _save(series: Series, log: Path) -> None:
    partial = log / "series.json.partial"
    partial.write_text(json.dumps(asdict(series), indent=1))
    partial.rename(log / "series.json")


def _run(series: Series, log: Path) -> Run:
    """Run the tests once."""
    number = len(series.runs) + 1
    seed = series.seed + number - 1
    output, report = log / f"run-{number}.log", log / f"run-{number}.xml"
    output.unlink(missing_ok=True)
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "randomly", f"--randomly-seed={seed}"]
    command += [f"--junitxml={report}", *(series.pytest_args or ALL_TESTS)]
    began = time.monotonic()
    pytest = start("pytest", command, log=output, ready=lambda: True, stop_signal=signal.SIGINT)
    try:
        status = pytest.process.wait()
    finally:
        stop_all([pytest], STOP_SECONDS_MAX)
    failures = list(_failures(report)) if report.exists() else []
    if status != PASSED and not failures:
        failures = [f"pytest itself, with exit status {status}: see {output}"]
    return Run(number, seed, round(time.monotonic() - began, 1), failures)


def _failures(report: Path) -> Iterator[str]:
    """Yield the tests that failed or broke, by pytest's report in JUnit's form."""
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 # nosec B314 - pytest wrote it
        if case.find("failure") is not None or case.find("error") is not None:
            yield f"{case.get('classname')}::{case.get('name')}"


@contextmanager
def _pressure(log: Path) -> Iterator[None]:
    """Keep each core busy."""
    busy = [sys.executable, "-c", "while True: pass"]
    with ExitStack() as exits:
        for _ in range(os.cpu_count() or 1):
            loop = start("busy loop", busy, log=log / "pressure.log", ready=lambda: True)
            exits.callback(loop.stop)
        yield


def _print_run(run: Run, runs: int) -> None:
    verdict = f"{len(run.failures)} failed" if run.failures else "passed"
    print(
        f"run {run.number} of {runs}, seed {run.seed}: {verdict} in {run.seconds:.0f} s", flush=True
    )
    for test in run.failures:
        print(f"  {test}", flush=True)


def _print_failures(series: Series) -> None:
    failures = series.failures()
    print(f"{len(failures)} tests failed in {len(series.runs)} runs")
    for test, runs in sorted(failures.items(), key=_most_failures_first):
        print(f"{len(runs):>4} {test} (seeds {', '.join(str(run.seed) for run in runs)})")


def _most_failures_first(item: tuple[str, Sequence[Run]]) -> tuple[int, str]:
    test, runs = item
    return -len(runs), test


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
