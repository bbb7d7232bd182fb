"""`bin/ci`: run all that must pass before a change lands, and print the seconds of each part.

Each part has a bound in seconds, meant for 2 cores. The summary marks a part that takes longer; the
run does not fail. CONFORMANCE_KIT names the directory of the conformance kit, where there is one.

This program runs before anything is installed: it needs Python 3.11 and the standard library.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parents[3]
LOGS = ROOT / ".cloudapi" / "ci"
RUN_SECONDS_MAX = 900
STOP_SECONDS_MAX = 60  # in which a part stops its servers
INTERRUPTED = 130
# Tests that need one of these fail where it is missing, instead of being skipped.
NEEDS = {"BROWSER_NEEDED": "1", "NGINX_NEEDED": "1", "BROKER_NEEDED": "1"}
SYSTEM_PACKAGES = {
    "chromium": "chromium",
    "nginx": "nginx-light",
    "/usr/lib/rabbitmq/bin/rabbitmq-server": "rabbitmq-server",
}
# Debian starts a service when it installs its package, unless this program forbids it (exit 101).
POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True, slots=True)
class Part:
    """Command of the run, and the seconds that it is meant to take at most on 2 cores."""

    name: str
    command: tuple[str, ...]
    seconds_max: int


class PartError(Exception):
    """A part ended with a status other than 0."""

    def __init__(self, part: Part, seconds: float, log: Path) -> None:
        super().__init__(f"{part.name} failed after {seconds:.0f} s")
        self.log = log


@dataclass(slots=True)
class Run:
    """The parts of one run: those that are at work, and the seconds of those that passed."""

    logs: Path
    seconds: dict[Part, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    _processes: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def run_lanes(self, *lanes: Sequence[Part]) -> None:
        """Run the parts of each lane one after the other, and the lanes side by side.

        :raises PartError: when a part fails; every other part is stopped before
        """
        with ThreadPoolExecutor(len(lanes)) as pool:
            futures = [pool.submit(self._run_lane, lane) for lane in lanes]
            try:
                results, _ = wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                self._stop()
            self._stopping.clear()
        for future in sorted(results, key=lambda future: future.exception() is None):
            future.result()

    def run_last(self, part: Part) -> tuple[int, str]:
        """Print a part's output but for its last line; return its exit status and that line."""
        began = time.monotonic()
        last = ""
        with subprocess.Popen(part.command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                print(last, end="", flush=True)
                last = line
        self.seconds[part] = time.monotonic() - began
        return process.returncode, last

    def summary(self) -> str:
        """Return a table of the parts that passed: their seconds and bounds, and which are over."""
        rows = [(part.name, seconds, part.seconds_max) for part, seconds in self.seconds.items()]
        rows.append(("whole run", time.monotonic() - self.began, RUN_SECONDS_MAX))
        width = max(len(name) for name, _, _ in rows)
        return f"{'part':<{width}}  seconds  bound\n" + "".join(
            f"{name:<{width}}  {seconds:7.0f}  {bound:5}{'  over' * (seconds > bound)}\n"
            for name, seconds, bound in rows
        )

    def _run_lane(self, lane: Sequence[Part]) -> None:
        for part in lane:
            if not self._run(part):
                return

    def _run(self, part: Part) -> bool:
        """Run a part with its output in a file; return False when the run was stopped meanwhile."""
        log = self.logs / f"{part.name.replace(' ', '-')}.log"
        began = time.monotonic()
        with log.open("wb") as sink:
            with self._lock:
                if self._stopping.is_set():
                    return False
                process = subprocess.Popen(
                    part.command,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # so that a signal reaches what the part starts too
                )
                self._processes.add(process)
            status = process.wait()
        with self._lock:
            self._processes.discard(process)
            if self._stopping.is_set():
                return False
        seconds = time.monotonic() - began
        if status:
            raise PartError(part, seconds, log)
        self.seconds[part] = seconds
        print(f"ok    {part.name} in {seconds:.0f} s", flush=True)
        return True

    def _stop(self) -> None:
        """Stop the parts that are at work, and start no other."""
        with self._lock:
            self._stopping.set()
            processes = list(self._processes)
        for process in processes:
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.killpg(process.pid, signal.SIGTERM)
        for process in processes:
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


# The Python environment comes first: every other part needs it.
SETUP = Part("setup", ("bin/setup",), 45)
# Lane of parts that keep a core busy.
WORK = (
    Part("lint", ("bin/lint",), 150),
    Part("fuzz", ("bin/fuzz", "--examples", "10"), 150),
)
# Lane of parts that mostly wait for servers, processes and timers.
WAITS = (
    Part("build-check", ("bin/build-check",), 90),
    Part("dev", ("bin/dev", "--once"), 40),
    Part("chaos", (".venv/bin/python", "-m", "bench.chaos", "--minutes", "1", "--seed", "1"), 130),
)
KIT_SECONDS_MAX = 25
# Three test workers fill 2 cores, so nothing runs beside them.
TEST = Part("test", ("bin/test",), 480)


def kit_parts(kit: str) -> list[Part]:
    """Return the parts that play the conformance kit: in one Temporal run, and in many."""
    return [
        Part(
            f"conformance {every}",
            ("bin/conformance", "--kit", kit, "--rests-every", every),
            KIT_SECONDS_MAX,
        )
        for every in ("0", "1")
        if kit
    ]


def missing_packages() -> list[str]:
    """Return the Debian packages whose programs this machine lacks."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    return [
        package
        for program, package in SYSTEM_PACKAGES.items()
        if shutil.which(program, path=path) is None
    ]


def install_packages(packages: Sequence[str]) -> None:
    """Install Debian packages without starting their services: the tests start their own.

    :raises subprocess.CalledProcessError: when apt-get fails
    """
    with _no_services():
        options = ("-y", "-qq", "--no-install-recommends")
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(
            ["apt-get", "install", *options, *packages], check=True, stdout=subprocess.DEVNULL
        )


@contextmanager
def _no_services() -> Iterator[None]:
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    try:
        POLICY.chmod(0o755)
        yield
    finally:
        POLICY.unlink()


def main(environ: Mapping[str, str]) -> int:
    """Run every part; return 1 when one fails, or else the exit status of the tests."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    os.environ.update(NEEDS)
    LOGS.mkdir(parents=True, exist_ok=True)
    packages = missing_packages()
    if packages and shutil.which("apt-get") and os.geteuid() == 0:
        install_packages(packages)
    run = Run(LOGS)
    try:
        run.run_lanes([SETUP])
        run.run_lanes(WORK, [*kit_parts(environ.get("CONFORMANCE_KIT", "")), *WAITS])
    except PartError as failure:
        print(failure.log.read_text(errors="replace"))
        print(f"FAIL  {failure}", flush=True)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    status, last = run.run_last(TEST)
    # Whoever runs this reads pytest's own summary from the last line.
    print(f"\n{run.summary()}\n{last}", end="", flush=True)
    return status


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(os.environ))
