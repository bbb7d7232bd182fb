"""Where the time of a path goes: `python -m bench.profile push`, `pull` or `execute`.

While a load takes that path, py-spy looks at the process that works most for it, web or the Temporal worker,
and counts which function holds the interpreter; who waits for it, or for a server, is not seen. Prints the
heaviest in percent: ours themselves, ours with all that they call, and those of libraries. It needs leave to
trace another process (root, or CAP_SYS_PTRACE).
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

from bench.execute import Ours
from bench.kept import Kept, answers_per_second, head, repeating
from bench.pace import paced
from bench.platform import HOME, Measured, measured
from bench.results import record
from bench.stacks import Tally, collapsed
from bench.sync import PULL, Agent
from bin.devtools.stack.client import Client, Keys

SECONDS = paced(30, 3)
WARM_UP_SECONDS = paced(3.0, 0.5)
RATE = 250  # samples a second
CLIENTS = 4
MOST = 15  # functions of each kind that are told
PARTS = {"push": "web", "pull": "web", "execute": "temporal"}
Turn = Callable[[float], object]  # takes the path again and again, for so many seconds


def requests(platform: Measured, path: str, exits: ExitStack) -> Turn:
    """Return the load of pushes or pulls, of one account with some states."""
    client = exits.enter_context(Client(platform.api_url, "first", Keys.fresh()))
    client.register(f"{uuid4()}@example.org", "a long pass phrase")
    agents = [Agent(platform.api_url, client, number) for number in range(CLIENTS)]
    kept = [exits.enter_context(Kept(platform.api_url, agent.pushing())) for agent in agents]
    if path == "pull":
        answers_per_second(kept, WARM_UP_SECONDS)
        pulls = [head("GET", f"{PULL}?limit=100", agent.headers) + b"\r\n" for agent in agents]
        kept = [exits.enter_context(Kept(platform.api_url, repeating(pull))) for pull in pulls]
    return lambda seconds: answers_per_second(kept, seconds)


def executions(platform: Measured, exits: ExitStack) -> Turn:
    """Return the load of executions of one step, by several clients."""
    clients = [
        exits.enter_context(Client(platform.api_url, "bench", Keys.fresh())) for _ in range(CLIENTS)
    ]
    for client in clients:
        client.register(f"{uuid4()}@example.org", "a long pass phrase")
    all_ours = [Ours(client) for client in clients]

    def turn(seconds: float) -> None:
        stop = threading.Event()
        timer = threading.Timer(seconds, stop.set)
        timer.start()

        def repeat(ours: Ours) -> None:
            while not stop.is_set():
                ours.run()

        threads = [threading.Thread(target=repeat, args=(ours,)) for ours in all_ours]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return turn


@contextmanager
def loaded(turn: Turn) -> Iterator[None]:
    """Keep the load up while the body runs."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            turn(1.0)

    thread = threading.Thread(target=repeat)
    thread.start()
    yield
    stop.set()
    thread.join()


def sampled(pid: int) -> Tally:
    """Return what holds a process' interpreter, by its samples.

    :raises SystemExit: when it may not be looked at, or py-spy is missing.
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
    return collapsed(output.read_text().splitlines())


def main() -> None:
    """Load one path, look, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile")
    parser.add_argument("path", choices=list(PARTS))
    path = parser.parse_args().path
    with measured() as platform, ExitStack() as exits:
        turn = executions(platform, exits) if path == "execute" else requests(platform, path, exits)
        turn(WARM_UP_SECONDS)
        with loaded(turn):
            tally = sampled(platform.servers[PARTS[path]].process.pid)
    print(f"{path}: {tally.whole:.0f} samples of {PARTS[path]} in {SECONDS} s, {RATE} a second")
    print(tally.told(MOST))
    claim = f"{path}: time of {PARTS[path]} in our own functions"
    record(claim, tally.ours, "samples", over="all samples", baseline=tally.whole)


if __name__ == "__main__":
    main()
