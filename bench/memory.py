"""What processes hold: `python -m bench.memory`.

Resident memory, and the share of it that is counted once among those who have it in common (PSS), of every
process of the Procfile with its children: after the start, and after a load of pushes, pulls and executions.
Beside them a bare process that has Flask, SQLAlchemy and Temporal's SDK connected gets as many requests. The
servers are measured against themselves at the start. Prints megabytes and ratios.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from uuid import uuid4

import psutil

from bench.begun import BARE, answers, begin, until
from bench.execute import Ours
from bench.kept import Kept, head, repeating
from bench.pace import paced
from bench.platform import Measured, measured
from bench.results import record
from bench.sync import Agent
from bench.usage import members, memory_bytes
from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.platform import PARTS
from bin.devtools.stack.server import free_port

REQUESTS = paced(5000, 50)  # of each kind, by CONNECTIONS kept connections in turn
CONNECTIONS = 8
EXECUTIONS = paced(500, 3)
STILL_SECONDS = 2.0  # as long as nothing may have grown before it counts as started
STILL_BYTES = 1_000_000
AIM = 2.0
Held = dict[str, tuple[int, int]]


def held(processes: dict[str, psutil.Process]) -> Held:
    """Return what each holds now (RSS, PSS)."""
    return {name: memory_bytes(process) for name, process in processes.items()}


def settled(processes: dict[str, psutil.Process]) -> Held:
    """Return what each holds once none of the platform grows any more; the servers never stand still."""
    before = held(processes)
    while True:
        time.sleep(STILL_SECONDS)
        now = held(processes)
        if all(abs(now[name][1] - before[name][1]) < STILL_BYTES for name in PARTS):
            return now
        before = now


def load(platform: Measured, client: Client, bare_url: str) -> None:
    """Push, pull and ask the bare process as often, and execute."""
    with ExitStack() as exits:
        for number in range(CONNECTIONS):
            agent = Agent(platform.api_url, client, number)
            pull = head("GET", "/api/sync/pull?limit=100", agent.headers) + b"\r\n"
            scripts = (agent.pushing(), repeating(pull))
            connections = [
                exits.enter_context(Kept(platform.api_url, script)) for script in scripts
            ]
            bare = exits.enter_context(Kept(bare_url, repeating(head("GET", "/", {}) + b"\r\n")))
            for _ in range(REQUESTS // CONNECTIONS):
                for connection in connections:
                    connection.once()
                bare.once()
                bare.once()
    ours = Ours(client)
    for _ in range(EXECUTIONS):
        ours.run()


def tell(at_start: Held, after: Held) -> None:
    """Print what each holds, and the ratios."""
    for name, (resident, share) in after.items():
        begun_resident, begun_share = at_start[name]
        print(
            f"{name}: RSS {begun_resident / 1e6:.0f} MB, PSS {begun_share / 1e6:.0f} MB at the start; "
            f"RSS {resident / 1e6:.0f} MB, PSS {share / 1e6:.0f} MB after the load, "
            f"ratio {share / begun_share:.2f}; over the bare process {share / after['bare'][1]:.2f}"
        )
        against = partial(record, unit="MB", over="bare Flask process", at_most=AIM)
        if name in PARTS:
            against(f"{name}, at the start", begun_share / 1e6, baseline=at_start["bare"][1] / 1e6)
            against(f"{name}, after the load", share / 1e6, baseline=after["bare"][1] / 1e6)
        elif name != "bare":
            claim = f"{name}, after the load"
            record(claim, share / 1e6, "MB", over="itself at the start", baseline=begun_share / 1e6)


def main() -> None:
    """Measure after the start and after the load."""
    with measured() as platform, Client(platform.api_url, "first", Keys.fresh()) as client:
        port = free_port()
        bare = begin("bare", platform.environ | {"PORT": str(port)}, BARE)
        try:
            until(lambda: answers(port, "/"), "the bare process")
            processes = members(platform) | {"bare": psutil.Process(bare.process.pid)}
            at_start = settled(processes)
            client.register(f"{uuid4()}@example.org", "a long pass phrase")
            load(platform, client, f"http://127.0.0.1:{port}")
            tell(at_start, settled(processes))
        finally:
            bare.stop()


if __name__ == "__main__":
    main()
