"""What pushes and pulls cost over their own SQL: `python -m bench.sync`.

Eight kept connections, of one account and of eight, push states of 1 KB, pull all of an account's states
from the start, and pull when there is nothing new; each over the whole HTTP path, with the limits lifted,
a web process a core and all other processes of the Procfile beside them. By turns, eight connections run
the very statements of those requests, transaction by transaction, on the same PostgreSQL. Prints medians
and their ratio. The connections of each round are new ones: which web process takes a connection, keeps
it, and chance shares them out. The live notice is measured with a single web process, which then has all
of the streams.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any
from uuid import uuid4

import orjson
import psycopg
from flask import Flask
from werkzeug.test import TestResponse

from bench.fill import fill
from bench.kept import Kept, Script, answers_per_second, head
from bench.live import live_notice
from bench.pace import paced
from bench.platform import Measured, measured
from bench.rates import ROUND_SECONDS, rate
from bench.results import record
from bench.statements import Transaction, recorded
from bin.devtools.stack.client import Client, Keys
from engine.config.settings import Settings
from web.app import create_app

CONNECTIONS = 8
ROUNDS = paced(5, 1)
STATES = 2000  # of an account that is pulled from the start
ENTITIES = 200  # that an agent pushes by turns
DATA = "x" * 1024
PUSH, PULL = "/api/sync/push", "/api/sync/pull"


class Agent:
    """One agent of an account: what it asks over HTTP, and the statements of that."""

    def __init__(
        self,
        api_url: str,
        account: Client,
        number: int,
        *,
        entities: int = ENTITIES,
        data: str = DATA,
    ) -> None:
        self.name, self._counter, self._entities, self._data = (
            f"agent-{number}",
            count(1),
            entities,
            data,
        )
        with Client(api_url, self.name, account.keys) as client:
            client.login(account.email, account.password)
            self.headers = {
                "Authorization": client.http.headers["Authorization"],
                "X-Agent-ID": self.name,
                "Content-Type": "application/json",
            }

    def change(self) -> bytes:
        """Return the next version of one of this agent's own states, as JSON."""
        counter = next(self._counter)
        entity_id = f"{self.name}-{counter % self._entities}"
        body = {"type": "settings", "entityId": entity_id, "encryptedData": self._data}
        body |= {"version": str(counter)}
        return json.dumps(body | {"vectorClock": {self.name: counter}}).encode()

    def pushing(self) -> Script:
        """Push a new version each time."""
        start = head("POST", PUSH, self.headers)
        while True:
            body = self.change()
            yield start + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def draining(self, limit: int) -> Script:
        """Pull all states, page by page, again and again."""
        while True:
            since, more = "", True
            while more:
                answer = yield head("GET", f"{PULL}?limit={limit}{since}", self.headers) + b"\r\n"
                page = orjson.loads(answer)
                since, more = f"&since={page['cursor']}", page["hasMore"]
                if len(page["states"]) != limit:
                    raise AssertionError(f"a page of {len(page['states'])} states")

    def idling(self, app: Flask) -> Script:
        """Pull at the head, where there is nothing new."""
        request = head("GET", self._at_head(app), self.headers) + b"\r\n"
        while True:
            answer = yield request
            if b'"states":[]' not in answer:
                raise AssertionError("there was something new")

    def sql_of_push(self, app: Flask) -> list[Transaction]:
        """Return the statements of a push."""
        return recorded(
            app, lambda client: client.post(PUSH, data=self.change(), headers=self.headers)
        )

    def sql_of_idle(self, app: Flask) -> list[Transaction]:
        """Return the statements of a pull at the head."""
        return self._sql_of_pull(app, self._at_head(app))[0]

    def sql_of_drain(self, app: Flask, limit: int) -> list[Transaction]:
        """Return the statements of all pages from the start."""
        ran, page = self._sql_of_pull(app, f"{PULL}?limit={limit}")
        while page["hasMore"]:
            more, page = self._sql_of_pull(app, f"{PULL}?limit={limit}&since={page['cursor']}")
            ran += more
        return ran

    def _at_head(self, app: Flask) -> str:
        return f"{PULL}?since={self._sql_of_pull(app, f'{PULL}?limit=1')[1]['head']}"

    def _sql_of_pull(self, app: Flask, path: str) -> tuple[list[Transaction], dict[str, Any]]:
        answers: list[TestResponse] = []

        def send(client: Any) -> TestResponse:
            answers.append(client.get(path, headers=self.headers))
            return answers[-1]

        return recorded(app, send), orjson.loads(answers[-1].data)


def bare(connection: psycopg.Connection, transactions: Sequence[Transaction]) -> None:
    """Run what a request ran."""
    for transaction in transactions:
        for statement, values in transaction:
            cursor = connection.execute(statement, values, prepare=True)
            if cursor.description:
                cursor.fetchall()
        connection.commit()


def agents_of(platform: Measured, accounts: int) -> Iterator[Agent]:
    """Return one agent a connection, spread evenly over new accounts that have their states."""
    registered = []
    with psycopg.connect(platform.stack.database_url) as connection:
        for _ in range(accounts):
            with Client(platform.api_url, "first", Keys.fresh()) as client:
                account_id = client.register(f"{uuid4()}@example.org", "a long pass phrase")[
                    "user"
                ]["id"]
            newest = time.time_ns() // 1000
            fill(connection, account_id, states=STATES, data_bytes=len(DATA), newest=newest)
            registered.append(client)
    for number in range(CONNECTIONS):
        yield Agent(platform.api_url, registered[number % accounts], number)


@dataclass(frozen=True, slots=True)
class Case:
    """Something to measure: a script and statements per connection, and how many each time is worth."""

    what: str
    scripts: Sequence[Callable[[], Script]]
    ran: Sequence[list[Transaction]]
    per_answer: int = 1
    per_run: int = 1

    def compare(self, platform: Measured, accounts: int) -> None:
        """Measure by turns; print."""
        with ExitStack() as exits:
            bares = [
                partial(
                    bare, exits.enter_context(psycopg.connect(platform.stack.database_url)), ran
                )
                for ran in self.ran
            ]
            pairs = [(self._over_http(platform), rate(bares)) for _ in range(ROUNDS)]
        answers, runs = (statistics.median(side) for side in zip(*pairs, strict=True))
        ours, baseline = answers * self.per_answer, runs * self.per_run
        print(
            f"{self.what}, {CONNECTIONS} connections of {accounts} account(s): {ours:.0f}/s over HTTP, "
            f"{baseline:.0f}/s bare SQL, ratio {ours / baseline:.3f}",
            flush=True,
        )
        claim = f"{self.what}, {accounts} account{'s' * (accounts > 1)}"
        record(claim, ours, "/s", over="bare SQL", baseline=baseline)

    def _over_http(self, platform: Measured) -> float:
        """Return the rate of answers of one round."""
        with ExitStack() as exits:
            kept = []
            for script in self.scripts:
                kept.append(exits.enter_context(Kept(platform.api_url, script())))
                kept[
                    -1
                ].once()  # before the next one knocks: a process takes all that it finds at its door
            return answers_per_second(kept, ROUND_SECONDS)


def cases(app: Flask, agents: Sequence[Agent]) -> Iterator[Case]:
    """Return what to measure, pushes last: they change what is pulled."""
    for limit in (500, 100):
        yield Case(
            f"items pulled by {limit}",
            [partial(agent.draining, limit) for agent in agents],
            [agent.sql_of_drain(app, limit) for agent in agents],
            per_answer=limit,
            per_run=STATES,
        )
    idle = [partial(agent.idling, app) for agent in agents]
    yield Case("idle pulls", idle, [agent.sql_of_idle(app) for agent in agents])
    yield Case(
        "pushes", [agent.pushing for agent in agents], [agent.sql_of_push(app) for agent in agents]
    )


def main() -> None:
    """Measure one account and eight."""
    cores = os.cpu_count() or 1
    with measured(web_processes=cores) as platform:
        with psycopg.connect(platform.stack.database_url) as connection:
            (fsync,) = connection.execute("SHOW fsync").fetchone() or ("",)
        if fsync != "on":
            raise AssertionError("pushes are measured with fsync on")
        print(
            f"fsync {fsync}, {cores} cores and web processes, {len(DATA)} bytes, medians of {ROUNDS}"
        )
        app = create_app(Settings.from_env(platform.environ))
        for accounts in (1, 8):
            for case in cases(app, list(agents_of(platform, accounts))):
                case.compare(platform, accounts)
    with measured() as platform:
        live_notice(platform, accounts=100, streams=paced(1000, 100))


if __name__ == "__main__":
    main()
