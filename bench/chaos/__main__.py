"""What faults of the platform's parts cost: `python -m bench.chaos --minutes 10`.

Under a steady mixed load each part is killed, halted and cut off from the others, one after the
other in an order drawn from a seed. Prints how long each fault kept any kind of operation from
success, from the moment at which the part was back. Then a checker compares all acknowledged
operations with the final state. Exits with 1 unless all counters are 0.
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

from bench.chaos import checker, history
from bench.chaos.history import History
from bench.chaos.load import OPERATIONS, Load
from bench.chaos.proxies import Proxies
from bench.chaos.roles import PASSWORD
from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.parts import Parts
from bin.devtools.stack.platform import NO_RATE_LIMITS, PARTS, ROOT, migrate, process
from bin.devtools.stack.server import stop_all
from bin.devtools.stack.servers import Stack, running

HOME = ROOT / ".cloudapi" / "chaos"
BREAKABLE = ("web", "temporal", "relay", "fanout", "Valkey", "PostgreSQL", "Temporal")
HOW = ("killed", "halted", "cut off")
FAULT_SECONDS = 3.0
CALM_SECONDS = 2.0
RECOVERY_SECONDS_MAX = 60.0
ADDRESSES = {"DATABASE_URL": "PostgreSQL", "REDIS_URL": "Valkey", "TEMPORAL_ADDRESS": "Temporal"}


class Fault(NamedTuple):
    """A way in which one part breaks."""

    part: str
    how: str


class Platform:
    """The platform on servers of its own; a proxy carries every connection between its parts."""

    def __init__(self, stack: Stack, proxies: Proxies) -> None:
        self._proxies = proxies
        self._environ = (
            stack.environ() | fresh_keys() | NO_RATE_LIMITS | {"PORT": str(stack.web_port)}
        )
        self.api_url = f"http://127.0.0.1:{proxies.open(stack.web_port, 'web')}"
        self._by_part = {name: self._environ_of(name) for name in PARTS}
        logs = HOME / "logs"
        # The keys are new, so that old rows cannot be read.
        with psycopg.connect(stack.database_url, autocommit=True) as database:
            database.execute("DROP SCHEMA public CASCADE")
            database.execute("CREATE SCHEMA public")
        migrate(self._environ, logs)
        servers = {server.name: server for server in stack.servers}
        self.parts = Parts(HOME, logs, servers, lambda name: self._by_part[name])
        servers |= {name: process(name, self._by_part[name], logs) for name in PARTS}

    @contextmanager
    def inject(self, fault: Fault) -> Iterator[None]:
        """Break a part, and repair it after FAULT_SECONDS; a killed one starts again at once."""
        match fault.how:
            case "killed":
                self.parts.kill(fault.part)
                yield
                self.parts.revive(fault.part)
            case "halted":
                self.parts.halt(fault.part)
                time.sleep(FAULT_SECONDS)
                yield
                self.parts.resume(fault.part)
            case _:
                self._proxies.cut(fault.part)
                time.sleep(FAULT_SECONDS)
                yield
                self._proxies.mend(fault.part)

    def _environ_of(self, part: str) -> Mapping[str, str]:
        """Return a process's environment, in which each server has a proxy of its own."""
        addresses = {name: self._proxy_address(part, name) for name in ADDRESSES}
        return self._environ | addresses

    def _proxy_address(self, part: str, name: str) -> str:
        address = self._environ[name]
        url = urlsplit(address if "//" in address else f"//{address}")
        port = self._proxies.open(url.port or 0, part, ADDRESSES[name])
        credentials = url.netloc.rpartition("@")[0]
        netloc = f"{credentials}@127.0.0.1:{port}" if credentials else f"127.0.0.1:{port}"
        return urlunsplit(url._replace(netloc=netloc)).removeprefix(
            "//" if "//" not in address else ""
        )


def faults(seed: int) -> Iterator[Fault]:
    """Yield every fault in an order drawn from a seed, and then all of them in another order."""
    randomness = random.Random(seed)  # noqa: S311 - chance, not secrecy
    while True:
        every = [Fault(part, how) for part in BREAKABLE for how in HOW]
        randomness.shuffle(every)
        yield from every


def break_one(platform: Platform, load_history: History, fault: Fault) -> int:
    """Break a part, wait until every kind of operation succeeds again, and print the seconds.

    Return how many kinds did not recover.
    """
    with platform.inject(fault):
        pass
    back = time.monotonic()
    load_history.await_all(OPERATIONS, back, RECOVERY_SECONDS_MAX)
    took, late = time.monotonic() - back, sorted(load_history.late(OPERATIONS, back))
    text = (
        f"not recovered in {took:.1f} s: {', '.join(late)}"
        if late
        else f"recovered in {took:5.1f} s"
    )
    print(f"{fault.part:<11} {fault.how:<8} {text}", flush=True)
    time.sleep(CALM_SECONDS)
    return len(late)


def lost_accounts(entries: list[history.Entry], api_url: str) -> int:
    """Return how many of the accounts whose registration was acknowledged cannot log in."""
    count = 0
    for entry in entries:
        if entry["operation"] == "register":
            with Client(api_url, "laptop", Keys.fresh()) as client:
                body = {"email": entry["account"], "password": PASSWORD}
                count += (
                    client.http.post("/api/auth/login", json=body).status_code != httpx2.codes.OK
                )
    return count


def run(seconds: float, seed: int, record: Path) -> dict[str, int]:
    """Break parts for so long, then return the counters of the checker."""
    shutil.rmtree(HOME / "temporal", ignore_errors=True)
    with ExitStack() as exits:
        proxies, stack = (
            exits.enter_context(Proxies()),
            exits.enter_context(running(HOME, database="chaos")),
        )
        platform = Platform(stack, proxies)
        exits.callback(lambda: stop_all(list(platform.parts.running.values())))
        record_of_load = History(record)
        load = Load(platform.api_url, record_of_load)
        exits.callback(load.close)
        load.begin()
        record_of_load.await_all(OPERATIONS, 0.0, RECOVERY_SECONDS_MAX)
        deadline, operations_down = time.monotonic() + seconds, 0
        for fault in faults(seed):
            if time.monotonic() > deadline:
                break
            operations_down += break_one(platform, record_of_load, fault)
        load.end()
        record_of_load.close()
        entries = list(history.read(record))
        states = {client.email: checker.FinalState.read(client) for client in load.accounts}
        counts = {
            name: sum(entry["operation"] == name for entry in entries)
            for name in sorted(OPERATIONS)
        }
        print("acknowledged: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
        counters = checker.judge(entries, states, lost_accounts(entries, platform.api_url))
        return counters | {"operations that did not recover from a fault": operations_down}


def main() -> None:
    """Break, check and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the order of faults")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    counters = run(60 * options.minutes, options.seed, HOME.parent / "chaos.jsonl")
    for promise, breaches in counters.items():
        print(f"{breaches:>6} {promise}")
    sys.exit(any(counters.values()))


if __name__ == "__main__":
    main()
