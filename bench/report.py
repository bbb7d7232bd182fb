"""Run every measurement, one after the other, and write the page: `python -m bench.report`.

Each measurement is a process of its own, and no two run at once. `docs/performance/results.json`
stores the output and results of each, with the machine and its speed. From it this program writes
`docs/performance.md`, its plots and the tables of `docs/operations/scale.md`. `--only` measures
some again, `--page` none. `--quick` only tries all out, in a directory of its own: such figures
mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine, page, results, scale
from bench.platform import HOME
from bin.devtools.stack.platform import ROOT

SECONDS_MAX = 3600.0  # of one measurement
DOCS = ROOT / "docs"
QUICK_DOCS = HOME / "quick"  # for a page of figures that mean nothing
COMMANDS = {
    name: ("-m", *f"bench.{name}".split())
    for name in (
        *("sync", "pull_growth", "live_streams", "channels", "auth"),
        *("execute", "engine", "step_cost", "events", "fairness", "bombs", "execution_list_growth"),
        *("account_growth", "start_time", "memory", "cpu_cost", "million_pushes"),
        *("profile push", "profile pull", "profile execute"),
    )
} | {"attacks": ("-m", "bench.attacks", "--exit-zero")}


def measure(name: str, *, quick: bool) -> dict[str, Any]:
    """Run one measurement to its end; return its output and results, and the machine's speed."""
    record = HOME / "results.jsonl"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    environ = os.environ | {results.VARIABLE: str(record), "BENCH_QUICK": str(int(quick))}
    before, began, output = machine.calibration(), time.monotonic(), []
    process = subprocess.Popen(
        [sys.executable, *COMMANDS[name]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
        cwd=ROOT,
    )
    watch = threading.Timer(SECONDS_MAX, process.kill)
    watch.start()
    with process:
        for line in process.stdout or ():
            print(f"{name}: {line}", end="", flush=True)
            # Without the directory it ran in, which is private.
            output.append(line.rstrip("\n").replace(str(ROOT), "."))
    watch.cancel()
    return {
        "ran": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "seconds": round(time.monotonic() - began),
        "quick": quick,
        "exit": process.returncode,
        "calibration": {key: [value, after] for (key, value), after in _beside(before)},
        "output": output,
        "results": [asdict(result) for result in results.read(record)],
    }


def _beside(before: dict[str, float]) -> list[tuple[tuple[str, float], float]]:
    """Pair each calibration with the same one now."""
    return list(zip(before.items(), machine.calibration().values(), strict=True))


def write(records: dict[str, Any], docs: Path) -> None:
    """Write the page, its plots and the tables of scale from the records of measurements."""
    folder = docs / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    runs = {name: records[name] for name in COMMANDS if name in records}
    text, plots = page.render(runs)
    for name, drawing in plots.items():
        (folder / name).write_text(drawing)
    (docs / "performance.md").write_text(text)
    (folder / "results.json").write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")
    scale.rewrite(docs / "operations" / "scale.md", runs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the chosen measurements, and write the page after each."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.report", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--only", action="append", choices=list(COMMANDS), help="measure this one; repeatable"
    )
    parser.add_argument(
        "--quick", action="store_true", help="only try everything out, on a page of its own"
    )
    parser.add_argument("--page", action="store_true", help="measure nothing: write the page again")
    options = parser.parse_args(arguments)
    docs = QUICK_DOCS if options.quick else DOCS
    if options.quick:
        (docs / "operations").mkdir(parents=True, exist_ok=True)
        shutil.copy(DOCS / "operations" / "scale.md", docs / "operations" / "scale.md")
    records: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        records = json.loads((docs / "performance" / "results.json").read_text())
    names = [] if options.page else options.only or list(COMMANDS)
    machine_now = machine.describe() if names else {}
    for name in names:
        records[name] = measure(name, quick=options.quick) | {"machine": machine_now}
        write(records, docs)
    if options.page:
        write(records, docs)
    print(f"written: {docs / 'performance.md'}")
    if failures := [name for name in names if records[name]["exit"]]:
        sys.exit(f"failed: {', '.join(failures)}")


if __name__ == "__main__":
    main()
