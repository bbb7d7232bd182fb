"""What pushes and pulls cost over their own SQL: `python -m bench.sync`.

Eight keep-alive connections, of one account and of eight, push states of 1 KB, pull all states from
the start, and pull when there is nothing new. Each request takes the whole HTTP path without rate
limits, with a web process a core and all other processes of the Procfile. By turns, eight
connections run the same statements, transaction by transaction, on the same PostgreSQL. Prints
medians and their ratio. Each round opens new connections, because chance distributes connections
over the web processes. The live notice is measured with one web process, which then has all
streams.
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

from bench.connections import HttpConnection, Script, answers_per_second, head
from bench.live_streams import live_notice
from bench.platform import PlatformUnderTest, run_platform
from bench.quick_mode import full_or_quick
from bench.rates import ROUND_SECONDS, rate
from bench.results import record
from bench.sql_statements import Transaction, record_statements
from bench.states import insert_states
from bin.devtools.stack.client import Client, Keys
from engine.config.settings import Settings
from web.app import create_app

CONNECTIONS = 8
ROUNDS = full_or_quick(5, 1)
STATES = 2000  # of an account that is pulled from the start
ENTITIES = 200  # that an agent pushes by turns
DATA = "x" * 1024
PUSH, PULL = "/api/sync/push", "/api/sync/pull"


class Agent:
    """Agent of an account: its requests over HTTP, and their SQL statements."""

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
        """Return the SQL statements of a push."""
        return record_statements(
            app, lambda client: client.post(PUSH, data=self.change(), headers=self.headers)
        )

    def sql_of_idle(self, app: Flask) -> list[Transaction]:
        """Return the SQL statements of a pull at the head."""
        return self._sql_of_pull(app, self._at_head(app))[0]

    def sql_of_drain(self, app: Flask, limit: int) -> list[Transaction]:
        """Return the SQL statements of all pages from the start."""
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

        return record_statements(app, send), orjson.loads(answers[-1].data)


def bare(connection: psycopg.Connection, transactions: Sequence[Transaction]) -> None:
    """Run the SQL statements of a request."""
    for transaction in transactions:
        for statement, values in transaction:
            cursor = connection.execute(statement, values, prepare=True)
            if cursor.description:
                cursor.fetchall()
        connection.commit()


def agents_of(platform: PlatformUnderTest, accounts: int) -> Iterator[Agent]:
    """Yield one agent per connection, spread evenly over new accounts that have states."""
    clients = []
    with psycopg.connect(platform.stack.database_url) as connection:
        for _ in range(accounts):
            with Client(platform.api_url, "first", Keys.fresh()) as client:
                account_id = client.register(f"{uuid4()}@example.org", "a long pass phrase")[
                    "user"
                ]["id"]
            newest = time.time_ns() // 1000
            insert_states(
                connection, account_id, states=STATES, data_bytes=len(DATA), newest=newest
            )
            clients.append(client)
    for number in range(CONNECTIONS):
        yield Agent(platform.api_url, clients[number % accounts], number)


@dataclass(frozen=True, slots=True)
class Case:
    """Something to measure: scripts and statements by connection, and the value of each answer."""

    what: str
    scripts: Sequence[Callable[[], Script]]
    ran: Sequence[list[Transaction]]
    per_answer: int = 1
    per_run: int = 1

    def compare(self, platform: PlatformUnderTest, accounts: int) -> None:
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
            f"{self.what}, {CONNECTIONS} connections of {accounts} account(s): "
            f"{ours:.0f}/s over HTTP, {baseline:.0f}/s bare SQL, ratio {ours / baseline:.3f}",
            flush=True,
        )
        claim = f"{self.what}, {accounts} account{'s' * (accounts > 1)}"
        record(claim, ours, "/s", over="bare SQL", baseline=baseline)

    def _over_http(self, platform: PlatformUnderTest) -> float:
        """Return the rate of answers of one round."""
        with ExitStack() as exits:
            connections = []
            for script in self.scripts:
                connection = exits.enter_context(HttpConnection(platform.api_url, script()))
                # An answer before the next connection: a process accepts all that wait at once.
                connection.once()
                connections.append(connection)
            return answers_per_second(connections, ROUND_SECONDS)


def cases(app: Flask, agents: Sequence[Agent]) -> Iterator[Case]:
    """Yield the cases to measure, pushes last, because they change what a pull returns."""
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
    with run_platform(web_processes=cores) as platform:
        with psycopg.connect(platform.stack.database_url) as connection:
            (fsync,) = connection.execute("SHOW fsync").fetchone() or ("",)
        if fsync != "on":
            raise AssertionError("pushes are measured with fsync on")
        print(
            f"fsync {fsync}, {cores} cores and web processes, {len(DATA)} bytes, "
            f"medians of {ROUNDS}"
        )
        app = create_app(Settings.from_env(platform.environ))
        for accounts in (1, 8):
            for case in cases(app, list(agents_of(platform, accounts))):
                case.compare(platform, accounts)
    with run_platform() as platform:
        live_notice(platform, accounts=100, streams=full_or_quick(1000, 100))


if __name__ == "__main__":
    main()
