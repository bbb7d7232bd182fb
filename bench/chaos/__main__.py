"""What breaking costs: `python -m bench.chaos --minutes 10`.

Under a steady mixed load each part of the platform is killed, halted and cut off from the others, one after
the other in an order drawn from a seed. Prints how long each fault kept any kind of operation from
succeeding, counted from when the part was there again, and then what a checker finds when it compares all
that was acknowledged with what is there in the end. Exits with 1 unless all counters are 0.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import httpx2
import psycopg

from bench.chaos import history, verdict
from bench.chaos.history import History
from bench.chaos.lines import Lines
from bench.chaos.load import OPERATIONS, Load
from bench.chaos.roles import PASSWORD
from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.parts import Parts
from bin.devtools.stack.platform import LIFTED, PARTS, ROOT, migrate, process
from bin.devtools.stack.server import stop_all
from bin.devtools.stack.servers import Stack, running

HOME = ROOT / ".cloudapi" / "chaos"
BROKEN = ("web", "temporal", "relay", "fanout", "Valkey", "PostgreSQL", "Temporal")
HOW = ("killed", "halted", "cut off")
FAULT_SECONDS = 3.0
CALM_SECONDS = 2.0
RECOVERY_SECONDS_MAX = 60.0
ADDRESSES = {"DATABASE_URL": "PostgreSQL", "REDIS_URL": "Valkey", "TEMPORAL_ADDRESS": "Temporal"}


class Fault(NamedTuple):
    """What is done to which part."""

    part: str
    how: str


class Platform:
    """The platform on servers of its own, every connection between its parts by a line."""

    def __init__(self, stack: Stack, lines: Lines) -> None:
        self._lines = lines
        self._environ = stack.environ() | fresh_keys() | LIFTED | {"PORT": str(stack.web_port)}
        self.api_url = f"http://127.0.0.1:{lines.lay(stack.web_port, 'web')}"
        self._by_part = {name: self._joined(name) for name in PARTS}
        logs = HOME / "logs"
        with psycopg.connect(
            stack.database_url, autocommit=True
        ) as database:  # its keys are new ones
            database.execute("DROP SCHEMA public CASCADE")
            database.execute("CREATE SCHEMA public")
        migrate(self._environ, logs)
        servers = {server.name: server for server in stack.servers}
        self.parts = Parts(HOME, logs, servers, lambda name: self._by_part[name])
        servers |= {name: process(name, self._by_part[name], logs) for name in PARTS}

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """Break a part, and have it there again after FAULT_SECONDS; one that is killed is at once."""
        match fault.how:
            case "killed":
                self.parts.kill(fault.part)
                yield
                self.parts.revive(fault.part)
            case "halted":
                self.parts.halt(fault.part)
                time.sleep(FAULT_SECONDS)
                yield
                self.parts.go_on(fault.part)
            case _:
                self._lines.cut(fault.part)
                time.sleep(FAULT_SECONDS)
                yield
                self._lines.mend(fault.part)

    def _joined(self, part: str) -> Mapping[str, str]:
        """Return a process's environment, in which each server is at the end of a line of its own."""
        laid = {name: self._laid(part, name) for name in ADDRESSES}
        return self._environ | laid

    def _laid(self, part: str, name: str) -> str:
        address = self._environ[name]
        url = urlsplit(address if "//" in address else f"//{address}")
        port = self._lines.lay(url.port or 0, part, ADDRESSES[name])
        who = url.netloc.rpartition("@")[0]
        netloc = f"{who}@127.0.0.1:{port}" if who else f"127.0.0.1:{port}"
        return urlunsplit(url._replace(netloc=netloc)).removeprefix(
            "//" if "//" not in address else ""
        )


def faults(seed: int) -> Iterator[Fault]:
    """Yield every fault in an order drawn from a seed, and all of them again in another."""
    drawn = random.Random(seed)  # noqa: S311 - chance, not secrecy
    while True:
        every = [Fault(part, how) for part in BROKEN for how in HOW]
        drawn.shuffle(every)
        yield from every


def break_one(platform: Platform, noted: History, fault: Fault) -> int:
    """Break a part, wait until every kind of operation succeeds again, and print how long that took.

    Return how many kinds did not.
    """
    with platform.broken(fault):
        pass
    back = time.monotonic()
    noted.await_all(OPERATIONS, back, RECOVERY_SECONDS_MAX)
    took, late = time.monotonic() - back, sorted(noted.late(OPERATIONS, back))
    told = (
        f"not recovered in {took:.1f} s: {', '.join(late)}"
        if late
        else f"recovered in {took:5.1f} s"
    )
    print(f"{fault.part:<11} {fault.how:<8} {told}", flush=True)
    time.sleep(CALM_SECONDS)
    return len(late)


def lost_accounts(entries: list[history.Entry], api_url: str) -> int:
    """Return how many of the accounts whose registration was acknowledged cannot log in."""
    lost = 0
    for entry in entries:
        if entry["operation"] == "register":
            with Client(api_url, "laptop", Keys.fresh()) as client:
                body = {"email": entry["account"], "password": PASSWORD}
                lost += (
                    client.http.post("/api/auth/login", json=body).status_code != httpx2.codes.OK
                )
    return lost


def run(seconds: float, seed: int, record: Path) -> dict[str, int]:
    """Break parts for so long, then return the counters of the checker."""
    shutil.rmtree(HOME / "temporal", ignore_errors=True)
    with ExitStack() as exits:
        lines, stack = (
            exits.enter_context(Lines()),
            exits.enter_context(running(HOME, database="chaos")),
        )
        platform = Platform(stack, lines)
        exits.callback(lambda: stop_all(list(platform.parts.running.values())))
        noted = History(record)
        load = Load(platform.api_url, noted)
        exits.callback(load.close)
        load.begin()
        noted.await_all(OPERATIONS, 0.0, RECOVERY_SECONDS_MAX)
        deadline, unrecovered = time.monotonic() + seconds, 0
        for fault in faults(seed):
            if time.monotonic() > deadline:
                break
            unrecovered += break_one(platform, noted, fault)
        load.end()
        noted.close()
        entries = list(history.read(record))
        found = {client.email: verdict.Found.read(client) for client in load.accounts}
        done = {
            name: sum(entry["operation"] == name for entry in entries)
            for name in sorted(OPERATIONS)
        }
        print("acknowledged: " + ", ".join(f"{count} {name}" for name, count in done.items()))
        counters = verdict.judge(entries, found, lost_accounts(entries, platform.api_url))
        return counters | {"operations that did not recover from a fault": unrecovered}


def main() -> None:
    """Break, check and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the order of faults")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    counters = run(60 * given.minutes, given.seed, HOME.parent / "chaos.jsonl")
    for promise, broken in counters.items():
        print(f"{broken:>6} {promise}")
    sys.exit(any(counters.values()))


if __name__ == "__main__":
    main()
