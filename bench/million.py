"""What a million pushes cost: `python -m bench.million`.

A sample of pushes of 1 KB over HTTP, by eight kept connections of as many accounts, half of them first
versions and half such as replace these. Counts the processor time of every process until all that follows is
done, how the database grew, indexes and dead rows included, and what was written ahead (WAL). Then the rows
that the pushes left are inserted by bare SQL, those of one push a transaction, into tables of the same make.
Prints what a million would take if it went on like that, and the ratios to the bare inserts.
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

from bench.begun import until
from bench.kept import Kept, answers
from bench.pace import paced
from bench.platform import Measured, measured
from bench.results import record
from bench.sync import CONNECTIONS, Agent
from bench.usage import Spent, members
from bin.devtools.stack.client import Client, Keys

SAMPLE = paced(20_000, 200)
MILLION = 1_000_000
DATA = base64.b64encode(os.urandom(768)).decode()  # as ciphertext is: nothing makes it smaller
LEFT = ("sync_changes", "sync_states", "sync_pasts")
BARE = "the same rows, bare SQL"


@dataclass(frozen=True, slots=True)
class Cost:
    """What some pushes took: processor seconds by process, bytes of the database, bytes written ahead."""

    pushes: int
    cpu: dict[str, float]
    grown: int
    ahead: int

    def each(self, what: float) -> float:
        """Return a push's share."""
        return what / self.pushes


class Meter:
    """Measures one cost: from when it is made."""

    def __init__(
        self, connection: psycopg.Connection, processes: dict[str, psutil.Process]
    ) -> None:
        connection.execute("CHECKPOINT")
        self._connection, self._spent, self._before = (
            connection,
            Spent(processes),
            _marks(connection),
        )

    def read(self, pushes: int) -> Cost:
        """Return what so many pushes have cost."""
        grown, ahead = (
            now - then for now, then in zip(_marks(self._connection), self._before, strict=True)
        )
        return Cost(pushes, self._spent.seconds(), grown, ahead)


def _marks(connection: psycopg.Connection) -> tuple[int, int]:
    """Return how large the database is, and how much has ever been written ahead (bytes)."""
    asked = (
        "SELECT pg_database_size(current_database()), pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
    )
    size, ahead = connection.execute(asked).fetchone() or (0, 0)
    return int(size), int(ahead)


def over_http(platform: Measured, connection: psycopg.Connection, exits: ExitStack) -> Cost:
    """Push the sample and wait until nothing of it is left to be done."""
    kept = []
    for number in range(CONNECTIONS):
        client = exits.enter_context(Client(platform.api_url, "first", Keys.fresh()))
        client.register(f"{uuid4()}@example.org", "a long pass phrase")
        agent = Agent(
            platform.api_url, client, number, entities=SAMPLE // CONNECTIONS // 2, data=DATA
        )
        kept.append(exits.enter_context(Kept(platform.api_url, agent.pushing())))
    meter = Meter(connection, members(platform))
    pushes = answers(kept, lambda done: done <= SAMPLE - CONNECTIONS)
    pending = "SELECT count(*) FROM outbox"
    until(lambda: connection.execute(pending).fetchone() == (0,), "the outbox to be carried")
    return meter.read(pushes)


def bare(platform: Measured, connection: psycopg.Connection, pushes: int) -> Cost:
    """Insert the rows that the pushes left, by as many connections."""
    rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in LEFT}  # noqa: S608 - ours
    connection.execute("DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare")
    for name in LEFT:
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
    """Yield what a push costs and its baseline's, and the unit of a million with what goes into one."""
    bare_cpu = baseline.each(baseline.cpu["PostgreSQL"])
    for name, spent in [("all processes", sum(ours.cpu.values())), *ours.cpu.items()]:
        yield f"processor time of {name}", 1e6 * ours.each(spent), 1e6 * bare_cpu, "h", 1e6 * 3600
    for what, figure, of_bare in (
        ("database", ours.grown, baseline.grown),
        ("written ahead", ours.ahead, baseline.ahead),
    ):
        yield what, ours.each(figure), baseline.each(of_bare), "GB", 1e9


def main() -> None:
    """Measure both and print."""
    with measured() as platform, ExitStack() as exits:
        url = platform.stack.database_url
        connection = exits.enter_context(closing(psycopg.connect(url, autocommit=True)))
        ours = over_http(platform, connection, exits)
        baseline = bare(platform, connection, ours.pushes)
    print(
        f"{ours.pushes} pushes measured; a million is {MILLION / ours.pushes:.0f} times that, not measured"
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
