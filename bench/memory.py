"""How much memory processes take: `python -m bench.memory`.

Measures resident memory (RSS), and the proportional share of it (PSS), of every process of the
Procfile with its children. Measures after the start, and after a load of pushes, pulls and
executions. A bare process with Flask, SQLAlchemy and Temporal's SDK connected receives as many
requests. Each server is compared with itself at the start. Prints megabytes and ratios.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from uuid import uuid4

import psutil

from bench.connections import HttpConnection, head, repeating
from bench.execute import Executor
from bench.platform import PlatformUnderTest, run_platform
from bench.process_usage import members, memory_bytes
from bench.processes import BARE, answers, begin, until
from bench.quick_mode import full_or_quick
from bench.results import record
from bench.sync import Agent
from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.platform import PARTS
from bin.devtools.stack.server import free_port

REQUESTS = full_or_quick(5000, 50)  # of each kind, by CONNECTIONS kept connections in turn
CONNECTIONS = 8
EXECUTIONS = full_or_quick(500, 3)
STILL_SECONDS = 2.0  # no process may grow for so long before it counts as started
STILL_BYTES = 1_000_000
AIM = 2.0
Usage = dict[str, tuple[int, int]]


def usage_of(processes: dict[str, psutil.Process]) -> Usage:
    """Return the memory of each process now (RSS, PSS)."""
    return {name: memory_bytes(process) for name, process in processes.items()}


def wait_until_still(processes: dict[str, psutil.Process]) -> Usage:
    """Return the memory of each process once the platform's grow no more; servers never stop."""
    before = usage_of(processes)
    while True:
        time.sleep(STILL_SECONDS)
        now = usage_of(processes)
        if all(abs(now[name][1] - before[name][1]) < STILL_BYTES for name in PARTS):
            return now
        before = now


def load(platform: PlatformUnderTest, client: Client, bare_url: str) -> None:
    """Push, pull, send the bare process as many requests, and execute."""
    with ExitStack() as exits:
        for number in range(CONNECTIONS):
            agent = Agent(platform.api_url, client, number)
            pull = head("GET", "/api/sync/pull?limit=100", agent.headers) + b"\r\n"
            scripts = (agent.pushing(), repeating(pull))
            connections = [
                exits.enter_context(HttpConnection(platform.api_url, script)) for script in scripts
            ]
            bare = exits.enter_context(
                HttpConnection(bare_url, repeating(head("GET", "/", {}) + b"\r\n"))
            )
            for _ in range(REQUESTS // CONNECTIONS):
                for connection in connections:
                    connection.once()
                bare.once()
                bare.once()
    ours = Executor(client)
    for _ in range(EXECUTIONS):
        ours.run()


def report(at_start: Usage, after: Usage) -> None:
    """Print the memory of each process, and the ratios."""
    for name, (resident, share) in after.items():
        start_resident, start_share = at_start[name]
        print(
            f"{name}: "
            f"RSS {start_resident / 1e6:.0f} MB, PSS {start_share / 1e6:.0f} MB at the start; "
            f"RSS {resident / 1e6:.0f} MB, PSS {share / 1e6:.0f} MB after the load, "
            f"ratio {share / start_share:.2f}; over the bare process {share / after['bare'][1]:.2f}"
        )
        against = partial(record, unit="MB", over="bare Flask process", at_most=AIM)
        if name in PARTS:
            against(f"{name}, at the start", start_share / 1e6, baseline=at_start["bare"][1] / 1e6)
            against(f"{name}, after the load", share / 1e6, baseline=after["bare"][1] / 1e6)
        elif name != "bare":
            claim = f"{name}, after the load"
            record(claim, share / 1e6, "MB", over="itself at the start", baseline=start_share / 1e6)


def main() -> None:
    """Measure after the start and after the load."""
    with run_platform() as platform, Client(platform.api_url, "first", Keys.fresh()) as client:
        port = free_port()
        bare = begin("bare", platform.environ | {"PORT": str(port)}, BARE)
        try:
            until(lambda: answers(port, "/"), "the bare process")
            processes = members(platform) | {"bare": psutil.Process(bare.process.pid)}
            at_start = wait_until_still(processes)
            client.register(f"{uuid4()}@example.org", "a long pass phrase")
            load(platform, client, f"http://127.0.0.1:{port}")
            report(at_start, wait_until_still(processes))
        finally:
            bare.stop()


if __name__ == "__main__":
    main()
