"""What a cursor loses in a race of writers: `python -m bench.cursor_race`.

Eight agents write a thousand states each to one account. A poller follows its cursor meanwhile, one
page at a time. Four cursors race on the same PostgreSQL, each in the same transaction: a read, a
pause, the write, and an outbox row. Three are usual: the time at which the transaction began, the
time at which the row was written, and a number from a sequence. They use a table of their own. The
fourth is the engine's own push and pull. Prints for each cursor how many writes the poller missed,
saw twice and saw out of order. Exits with 1 when the engine's cursor has any of these, or when a
usual cursor misses nothing in any of its tries: such a race proves nothing.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from threading import Event
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from bench.platform import run_platform
from engine.config.settings import Settings
from engine.contracts import timestamps
from engine.store.account_scope import AgentScope
from engine.store.accounts import Account
from engine.store.sessions import make_sessions
from engine.sync import pull
from engine.sync.change import Change, SyncLimits
from engine.sync.push import push_changes

AGENTS, WRITES = 8, 1_000
TRIES = 3
THOUGHT_SECONDS = 0.002  # the longest pause in the transaction: a request does other work there
PAGE = 100
DATA = "x" * 1024

Item = tuple[int, str]  # a row's stamp in the feed, and its name
Write = Callable[[Session, str, str], None]  # by an agent, a name
Page = Callable[[Session, int], tuple[Sequence[Item], int]]  # after a cursor; with the next one

USUAL = {
    "now()": "(extract(epoch FROM now()) * 1000000)::bigint",
    "clock_timestamp()": "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    "a sequence": "nextval('race_stamps')",
}
SCHEMA = """
    DROP TABLE IF EXISTS race_states, race_outbox;
    DROP SEQUENCE IF EXISTS race_stamps;
    CREATE SEQUENCE race_stamps;
    CREATE TABLE race_states (name text PRIMARY KEY, agent text, data text, stamp bigint);
    CREATE INDEX ON race_states (stamp);
    CREATE TABLE race_outbox (id bigint GENERATED ALWAYS AS IDENTITY, subject text);
"""


@dataclass(frozen=True, slots=True)
class Result:
    """How the writes of one race reached the poller."""

    missing: int
    duplicates: int
    out_of_order: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Tell whether the poller saw every write once, in order."""
        return not (self.missing or self.duplicates or self.out_of_order)

    def __str__(self) -> str:
        """Return the line of a report."""
        total = AGENTS * WRITES
        return (
            f"{self.missing} lost ({self.missing / total:.1%}), {self.duplicates} duplicated, "
            f"{self.out_of_order} out of order; {total / self.seconds:.0f} writes/s"
        )


def race(sessions: sessionmaker[Session], write: Write, page: Page) -> Result:
    """Let the agents write, and the poller follow until it has reached the end."""
    writers_ended = Event()

    def work(agent: int) -> None:
        for number in range(WRITES):
            with sessions.begin() as session:
                write(session, f"agent-{agent}", f"{agent}-{number}")

    def poll() -> list[Item]:
        items: list[Item] = []
        cursor = 0
        while True:
            last_look = writers_ended.is_set()
            with sessions() as session:
                states, cursor = page(session, cursor)
            items += states
            if last_look and not states:
                return items

    with ThreadPoolExecutor(AGENTS + 1) as threads:
        poller = threads.submit(poll)
        began = time.perf_counter()
        list(threads.map(work, range(AGENTS)))
        seconds = time.perf_counter() - began
        writers_ended.set()
        items = poller.result()
    names = [name for _, name in items]
    out_of_order = sum(later <= earlier for (earlier, _), (later, _) in pairwise(items))
    return Result(
        AGENTS * WRITES - len(set(names)), len(names) - len(set(names)), out_of_order, seconds
    )


def think() -> None:
    """Pause within the transaction for as long as a request's other work takes."""
    time.sleep(random.uniform(0, THOUGHT_SECONDS))  # noqa: S311 - no secret


def usual(sessions: sessionmaker[Session], place: str) -> Result:
    """Race a usual cursor on an empty table."""
    with sessions.begin() as session:
        session.execute(text(SCHEMA))
    read = text("SELECT stamp FROM race_states WHERE name = :name FOR UPDATE")
    insert = text(
        f"INSERT INTO race_states VALUES (:name, :agent, :data, {place})"  # noqa: S608 - a constant
    )
    outbox = text("INSERT INTO race_outbox (subject) VALUES (:name)")
    newer = text(
        "SELECT stamp, name FROM race_states WHERE stamp > :since ORDER BY stamp LIMIT :page"
    )

    def write(session: Session, agent: str, name: str) -> None:
        session.execute(read, {"name": name}).all()
        think()
        session.execute(insert, {"name": name, "agent": agent, "data": DATA})
        session.execute(outbox, {"name": name})

    def page(session: Session, since: int) -> tuple[Sequence[Item], int]:
        rows = session.execute(newer, {"since": since, "page": PAGE}).all()
        states = [(row.stamp, row.name) for row in rows]
        return states, states[-1][0] if states else since

    return race(sessions, write, page)


def ours(sessions: sessionmaker[Session]) -> Result:
    """Race the engine's push and pull on a new account."""
    account = Account(
        id=uuid7(),
        email=f"{uuid7()}@example.org",
        password_hash="-",  # noqa: S106 - nobody logs in
        public_key="-",
        created_at=datetime.now(UTC),
    )
    with sessions.begin() as session:
        session.add(account)
    account_id: UUID = account.id

    def write(session: Session, agent: str, name: str) -> None:
        session.get(Account, account_id)
        think()
        change = Change("settings", name, DATA, "1", {agent: 1})
        scope = AgentScope(session, account_id, datetime.now(UTC), agent)
        (result,) = push_changes(scope, [change], SyncLimits())
        if not result.is_accepted:
            raise AssertionError(f"{name} was refused")

    def page(session: Session, since: int) -> tuple[Sequence[Item], int]:
        scope = AgentScope(session, account_id, datetime.now(UTC), "poller")
        answer = pull.read_page(scope, since=since, limit=PAGE)
        states = [
            (timestamps.parse(state["updatedAt"], "/since"), state["entityId"])
            for state in answer.states
        ]
        return states, answer.cursor

    return race(sessions, write, page)


def main() -> int:
    """Race all four; return what the process exits with."""
    failures = []
    with run_platform() as platform:
        sessions = make_sessions(Settings.from_env(platform.environ), pool_size=AGENTS + 1)
        result = ours(sessions)
        print(f"the head, taken last: {result}")
        if not result.clean:
            failures.append("the engine's cursor is not clean")
        for name, place in USUAL.items():
            for _ in range(TRIES):
                result = usual(sessions, place)
                print(f"{name}: {result}")
                if result.missing:
                    break
            else:
                failures.append(f"{name} lost nothing in {TRIES} races: they prove nothing")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
