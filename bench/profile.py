"""Where the time of a path goes: `python -m bench.profile push`, `pull` or `execute`.

While a load takes that path, py-spy samples the process that works most for it, web or the Temporal
worker. It counts which function holds the interpreter lock; waiting for the lock or for a server
does not count. Prints the heaviest functions in percent: our own by themselves, our own with all
that they call, and those of libraries. It needs the right to trace another process (root, or
CAP_SYS_PTRACE).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from bench.connections import HttpConnection, answers_per_second, head, repeating
from bench.execute import Executor
from bench.platform import HOME, PlatformUnderTest, run_platform
from bench.quick_mode import full_or_quick
from bench.results import record
from bench.stack_samples import Tally, count_samples
from bench.sync import PULL, Agent
from bin.devtools.stack.client import Client, Keys

SECONDS = full_or_quick(30, 3)
WARM_UP_SECONDS = full_or_quick(3.0, 0.5)
RATE = 250  # samples a second
CLIENTS = 4
MOST = 15  # functions of each kind that are printed
PARTS = {"push": "web", "pull": "web", "execute": "temporal"}
Turn = Callable[[float], object]  # repeats the path for so many seconds


def requests(platform: PlatformUnderTest, path: str, exits: ExitStack) -> Turn:
    """Return the load of pushes or pulls, of one account with some states."""
    client = exits.enter_context(Client(platform.api_url, "first", Keys.fresh()))
    client.register(f"{uuid4()}@example.org", "a long pass phrase")
    agents = [Agent(platform.api_url, client, number) for number in range(CLIENTS)]
    connections = [
        exits.enter_context(HttpConnection(platform.api_url, agent.pushing())) for agent in agents
    ]
    if path == "pull":
        answers_per_second(connections, WARM_UP_SECONDS)
        pulls = [head("GET", f"{PULL}?limit=100", agent.headers) + b"\r\n" for agent in agents]
        connections = [
            exits.enter_context(HttpConnection(platform.api_url, repeating(pull))) for pull in pulls
        ]
    return lambda seconds: answers_per_second(connections, seconds)


def executions(platform: PlatformUnderTest, exits: ExitStack) -> Turn:
    """Return the load of executions of one step, by several clients."""
    clients = [
        exits.enter_context(Client(platform.api_url, "bench", Keys.fresh())) for _ in range(CLIENTS)
    ]
    for client in clients:
        client.register(f"{uuid4()}@example.org", "a long pass phrase")
    all_ours = [Executor(client) for client in clients]

    def turn(seconds: float) -> None:
        stop = threading.Event()
        timer = threading.Timer(seconds, stop.set)
        timer.start()

        def repeat(ours: Executor) -> None:
            while not stop.is_set():
                ours.run()

        threads = [threading.Thread(target=repeat, args=(ours,)) for ours in all_ours]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return turn


@contextmanager
def under_load(turn: Turn) -> Iterator[None]:
    """Repeat the load while the body runs."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            turn(1.0)

    thread = threading.Thread(target=repeat)
    thread.start()
    yield
    stop.set()
    thread.join()


def sample(pid: int) -> Tally:
    """Return which functions hold a process' interpreter lock, by samples.

    :raises SystemExit: when py-spy is missing, or may not trace the process
    """
    program, output = Path(sys.executable).parent / "py-spy", HOME / "stacks.txt"
    if not program.exists():
        raise SystemExit("py-spy is missing: bin/setup installs it")
    command = [program, "record", "--pid", pid, "--duration", SECONDS, "--rate", RATE]
    command += ["--format", "raw", "--output", output, "--full-filenames", "--function", "--gil"]
    ran = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise SystemExit(
            f"py-spy could not look (may this user trace other processes?): {ran.stderr}"
        )
    return count_samples(output.read_text().splitlines())


def main() -> None:
    """Load one path, sample its process, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile")
    parser.add_argument("path", choices=list(PARTS))
    path = parser.parse_args().path
    with run_platform() as platform, ExitStack() as exits:
        turn = executions(platform, exits) if path == "execute" else requests(platform, path, exits)
        turn(WARM_UP_SECONDS)
        with under_load(turn):
            tally = sample(platform.servers[PARTS[path]].process.pid)
    print(f"{path}: {tally.whole:.0f} samples of {PARTS[path]} in {SECONDS} s, {RATE} a second")
    print(tally.summary(MOST))
    claim = f"{path}: time of {PARTS[path]} in our own functions"
    record(claim, tally.ours, "samples", over="all samples", baseline=tally.whole)


if __name__ == "__main__":
    main()
