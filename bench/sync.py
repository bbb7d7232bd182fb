"""What a push and a pull cost over their own SQL: `python -m bench.sync`.

Eight clients push and pull over HTTP, on one account and on eight; by turns, eight connections run the
very statements of those requests, transaction by transaction, on the same PostgreSQL. Prints the rates
and their ratio.
"""

from __future__ import annotations

import http.client
import json
import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from flask import Flask

from bench.platform import Measured, measured
from bench.rates import rate
from bench.statements import Transaction, recorded
from bin.local.client import Client, Keys
from engine.settings import Settings
from web import create_app

CLIENTS = 8
ROUNDS = 5
STATES = 200
PUSH, PULL = "/api/sync/push", "/api/sync/pull?limit=50"
DATA = "x" * 1024


class Agent:
    """One client of one account, over a plain kept connection: what is measured is the server."""

    def __init__(self, api_url: str, account: Client, number: int) -> None:
        self.email, self._number, self._counter = account.email, number, count(2)
        with Client(api_url, f"agent-{number}", account.keys) as client:
            client.login(account.email, account.password)
            self.headers = {
                "Authorization": client.http.headers["Authorization"],
                "X-Agent-ID": client.agent_id,
                "Content-Type": "application/json",
            }
        url = urlsplit(api_url)
        self._connection = http.client.HTTPConnection(url.hostname or "", url.port)

    def change(self) -> dict[str, Any]:
        """Return the next version of one of this agent's own states."""
        counter = next(self._counter)
        entity_id = f"{self._number}-{counter % STATES}"
        clock = {f"agent-{self._number}": counter}
        body = {"type": "settings", "entityId": entity_id, "encryptedData": DATA, "version": str(counter)}
        return body | {"vectorClock": clock}

    def push(self) -> None:
        """Push once."""
        self._send("POST", PUSH, json.dumps(self.change()))

    def pull(self) -> None:
        """Pull a page of the account's states."""
        self._send("GET", PULL)

    def sql_of(self, app: Flask, name: str) -> list[Transaction]:
        """Return the statements of this agent's push or pull."""
        if name == "push":
            return recorded(app, lambda client: client.post(PUSH, json=self.change(), headers=self.headers))
        return recorded(app, lambda client: client.get(PULL, headers=self.headers))

    def _send(self, method: str, path: str, body: str | None = None) -> None:
        self._connection.request(method, path, body, self.headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise AssertionError(f"{method} {path} answered {answer.status}")


def bare(connection: psycopg.Connection, transactions: Sequence[Transaction]) -> None:
    """Run what one request ran."""
    for transaction in transactions:
        for statement, values in transaction:
            connection.execute(statement, values, prepare=True)
        connection.commit()


def agents_of(platform: Measured, accounts: int) -> Iterator[Agent]:
    """Return the agents of new accounts, spread evenly, each with its states pushed."""
    registered = []
    for _ in range(accounts):
        with Client(platform.api_url, "first", Keys.fresh()) as client:
            client.register(f"{uuid4()}@example.org", "a long pass phrase")
        registered.append(client)
    for number in range(CLIENTS):
        agent = Agent(platform.api_url, registered[number % accounts], number)
        for _ in range(STATES // accounts):
            agent.push()
        yield agent


def compare(platform: Measured, app: Flask, accounts: int) -> None:
    """Measure pushes and pulls by turns with their SQL; print."""
    agents = list(agents_of(platform, accounts))
    with ExitStack() as exits:
        connections = [
            exits.enter_context(psycopg.connect(platform.stack.database_url)) for _ in range(CLIENTS)
        ]
        for name in ("push", "pull"):
            ran = [agent.sql_of(app, name) for agent in agents]
            ours = [getattr(agent, name) for agent in agents]
            baseline = [partial(bare, *pair) for pair in zip(connections, ran, strict=True)]
            pairs = [(rate(ours), rate(baseline)) for _ in range(ROUNDS)]
            rates = [statistics.median(side) for side in zip(*pairs, strict=True)]
            print(
                f"{name}, {CLIENTS} clients on {accounts} account(s): {rates[0]:.0f}/s over HTTP, "
                f"{rates[1]:.0f}/s bare SQL, ratio {rates[0] / rates[1]:.3f}"
            )


def main() -> None:
    """Measure one account and eight."""
    with measured() as platform:
        app = create_app(Settings.from_env(platform.environ))
        for accounts in (1, 8):
            compare(platform, app, accounts)


if __name__ == "__main__":
    main()
