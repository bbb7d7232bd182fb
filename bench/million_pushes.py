"""What a million pushes cost: `python -m bench.million_pushes`.

Pushes a sample of 1 KB states over HTTP, by eight keep-alive connections of as many accounts. Half
of the pushes are first versions, and half replace these. Counts the processor time of every process
until all that follows is done. Counts the growth of the database, with indexes and dead rows, and
the bytes of its write-ahead log (WAL). Then inserts the rows that the pushes left by bare SQL, the
rows of one push in a transaction, into tables of the same form. Prints what a million pushes would
take at this rate, and the ratios to the bare inserts.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from uuid import uuid4

import psutil
import psycopg
from psycopg import sql
from psycopg.types.json import JsonbDumper

from bench.connections import HttpConnection, answers
from bench.platform import PlatformUnderTest, run_platform
from bench.process_usage import CpuMeter, members
from bench.processes import until
from bench.quick_mode import full_or_quick
from bench.results import record
from bench.sync import CONNECTIONS, Agent
from bin.devtools.stack.client import Client, Keys

SAMPLE = full_or_quick(20_000, 200)
MILLION = 1_000_000
DATA = base64.b64encode(os.urandom(768)).decode()  # as incompressible as ciphertext
TABLES = ("sync_changes", "sync_states", "sync_pasts")
BARE = "the same rows, bare SQL"


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of some pushes: processor seconds by process, bytes of the database and of the WAL."""

    pushes: int
    cpu: dict[str, float]
    growth: int
    wal: int

    def each(self, what: float) -> float:
        """Return one push's share of a figure."""
        return what / self.pushes


class Meter:
    """Meter that measures one cost from its creation on."""

    def __init__(
        self, connection: psycopg.Connection, processes: dict[str, psutil.Process]
    ) -> None:
        connection.execute("CHECKPOINT")
        self._connection = connection
        self._cpu = CpuMeter(processes)
        self._before = _marks(connection)

    def read(self, pushes: int) -> Cost:
        """Return the cost of so many pushes."""
        growth, wal = (
            now - then for now, then in zip(_marks(self._connection), self._before, strict=True)
        )
        return Cost(pushes, self._cpu.seconds(), growth, wal)


def _marks(connection: psycopg.Connection) -> tuple[int, int]:
    """Return the size of the database, and the position in its WAL (bytes)."""
    query = (
        "SELECT pg_database_size(current_database()), pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
    )
    size, wal = connection.execute(query).fetchone() or (0, 0)
    return int(size), int(wal)


def over_http(
    platform: PlatformUnderTest, connection: psycopg.Connection, exits: ExitStack
) -> Cost:
    """Push the sample, and wait until the platform has done all that follows."""
    connections = []
    for number in range(CONNECTIONS):
        client = exits.enter_context(Client(platform.api_url, "first", Keys.fresh()))
        client.register(f"{uuid4()}@example.org", "a long pass phrase")
        agent = Agent(
            platform.api_url, client, number, entities=SAMPLE // CONNECTIONS // 2, data=DATA
        )
        connections.append(exits.enter_context(HttpConnection(platform.api_url, agent.pushing())))
    meter = Meter(connection, members(platform))
    pushes = answers(connections, lambda count: count <= SAMPLE - CONNECTIONS)
    pending = "SELECT count(*) FROM outbox"
    until(lambda: connection.execute(pending).fetchone() == (0,), "the outbox to be empty")
    return meter.read(pushes)


def bare(platform: PlatformUnderTest, connection: psycopg.Connection, pushes: int) -> Cost:
    """Insert the rows that the pushes left, by as many connections."""
    rows = {
        name: connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - our names
        for name in TABLES
    }
    connection.execute("DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare")
    for name in TABLES:
        connection.execute(f"CREATE TABLE bare.{name} (LIKE public.{name} INCLUDING ALL)")
    current = [("sync_states", row) for row in rows["sync_states"]]
    past = [("sync_pasts", row) for row in rows["sync_pasts"]]
    beside = zip_longest([("sync_changes", row) for row in rows["sync_changes"]], current + past)
    each = [[row for row in both if row] for both in beside]
    servers = {name: one for name, one in members(platform).items() if name == "PostgreSQL"}
    meter = Meter(connection, servers)
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        url = platform.stack.database_url
        list(threads.map(lambda n: insert(url, each[n::CONNECTIONS]), range(CONNECTIONS)))
    cost = meter.read(pushes)
    connection.execute("DROP SCHEMA bare CASCADE")
    return cost


def insert(url: str, transactions: Sequence[Sequence[tuple[str, Sequence[Any]]]]) -> None:
    """Insert the rows of each transaction."""
    with psycopg.connect(url) as connection:
        connection.adapters.register_dumper(dict, JsonbDumper)
        for rows in transactions:
            for name, row in rows:
                values = sql.SQL(", ").join([sql.Placeholder()] * len(row))
                into = sql.SQL("INSERT INTO {} VALUES ({})").format(
                    sql.Identifier("bare", name), values
                )
                connection.execute(into, row, prepare=True)
            connection.commit()


def lines(ours: Cost, baseline: Cost) -> Iterator[tuple[str, float, float, str, float]]:
    """Yield the cost of a push and of its baseline, and the unit of a million with its divisor."""
    bare_cpu = baseline.each(baseline.cpu["PostgreSQL"])
    for name, seconds in [("all processes", sum(ours.cpu.values())), *ours.cpu.items()]:
        yield f"processor time of {name}", 1e6 * ours.each(seconds), 1e6 * bare_cpu, "h", 1e6 * 3600
    for what, figure, of_bare in (
        ("database", ours.growth, baseline.growth),
        ("written ahead", ours.wal, baseline.wal),
    ):
        yield what, ours.each(figure), baseline.each(of_bare), "GB", 1e9


def main() -> None:
    """Measure both and print."""
    with run_platform() as platform, ExitStack() as exits:
        url = platform.stack.database_url
        connection = exits.enter_context(closing(psycopg.connect(url, autocommit=True)))
        ours = over_http(platform, connection, exits)
        baseline = bare(platform, connection, ours.pushes)
    print(
        f"{ours.pushes} pushes measured; "
        f"a million is {MILLION / ours.pushes:.0f} times that, not measured"
    )
    for what, figure, of_bare, large, per in lines(ours, baseline):
        unit = "µs" if large == "h" else "B"
        print(
            f"{what}: {figure:.0f} {unit} a push, {MILLION * figure / per:.2f} {large} a million; "
            f"{BARE} {of_bare:.0f} {unit}, ratio {figure / of_bare:.2f}"
        )
        record(f"{what}, a push", figure, unit, over=BARE, baseline=of_bare)


if __name__ == "__main__":
    main()
