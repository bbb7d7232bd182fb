"""Measure everything, one after the other, and write the page: `python -m bench.report`.

Each measurement is a process of its own, and two never run at once. What each printed and recorded
is kept in `docs/performance/results.json`, with the machine and its speed at that moment.
`docs/performance.md`, its plots and the tables of `docs/operations/scale.md` are made from it.
`--only` measures some of them anew, `--page` none.
With `--quick` all are only tried out, in a directory of their own: such figures mean nothing.
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
TRIED = HOME / "tried"  # where a page of figures that mean nothing goes
COMMANDS = {
    name: ("-m", *f"bench.{name}".split())
    for name in (
        *("sync", "pull_growth", "live", "channels", "auth"),
        *("execute", "engine", "walk", "events", "fairness", "bombs", "runs"),
        *("accounts", "start", "memory", "toll", "million"),
        *("profile push", "profile pull", "profile execute"),
    )
}


def measure(name: str, *, quick: bool) -> dict[str, Any]:
    """Run one measurement to its end; return what it told, and what the machine was like."""
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
            output.append(
                line.rstrip("\n").replace(str(ROOT), ".")
            )  # where it ran is nobody's business
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
    """Pair each calibration with the same now."""
    return list(zip(before.items(), machine.calibration().values(), strict=True))


def write(kept: dict[str, Any], docs: Path) -> None:
    """Write the page, its plots and the tables of scale from what is kept."""
    folder = docs / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    runs = {name: kept[name] for name in COMMANDS if name in kept}
    text, plots = page.written(runs)
    for name, drawing in plots.items():
        (folder / name).write_text(drawing)
    (docs / "performance.md").write_text(text)
    (folder / "results.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    scale.rewrite(docs / "operations" / "scale.md", runs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and write the page after each."""
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
    asked = parser.parse_args(arguments)
    docs = TRIED if asked.quick else DOCS
    if asked.quick:
        (docs / "operations").mkdir(parents=True, exist_ok=True)
        shutil.copy(DOCS / "operations" / "scale.md", docs / "operations" / "scale.md")
    kept: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        kept = json.loads((docs / "performance" / "results.json").read_text())
    names = [] if asked.page else asked.only or list(COMMANDS)
    described = machine.described() if names else {}
    for name in names:
        kept[name] = measure(name, quick=asked.quick) | {"machine": described}
        write(kept, docs)
    if asked.page:
        write(kept, docs)
    print(f"written: {docs / 'performance.md'}")
    if failed := [name for name in names if kept[name]["exit"]]:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
