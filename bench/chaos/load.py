"""A steady mixed load: register, refresh, push, pull, listen, create, execute."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from uuid import uuid4

import httpx2

from bench.chaos.history import History
from bench.chaos.retrying_client import RetryingClient
from bench.chaos.roles import (
    DOUBLE,
    PASSWORD,
    Creator,
    Executor,
    Follower,
    Listener,
    Pusher,
    Refresher,
    Registrar,
    Role,
)
from bin.devtools.stack.client import Client, Keys

ACCOUNTS = 3
OPERATIONS = {"register", "refresh", "push", "pull", "notice", "create", "execute", "complete"}
TRY_SECONDS_MAX = 8.0
ENDING_SECONDS_MAX = 90.0
READERS = {"Follower", "Listener"}


class Load:
    """Threads that each play a role until the load ends."""

    def __init__(self, api_url: str, history: History) -> None:
        self._api_url = api_url
        self._history = history
        self._over = threading.Event()
        self._insisting = RetryingClient(history, self._over)
        self._writers_end = threading.Event()
        self._closing = ExitStack()
        self._threads: list[threading.Thread] = []
        self.accounts: list[Client] = []

    def begin(self) -> None:
        """Make the accounts, and start the threads."""
        for _ in range(ACCOUNTS):
            laptop = self._client("laptop", Keys.fresh())
            laptop.register(f"{uuid4()}@example.org", PASSWORD)
            self.accounts.append(laptop)
            workflow_id = str(laptop.create_workflow("double", DOUBLE)["id"])
            self._play(Pusher(self._another(laptop, "pusher"), self._insisting), 0.2)
            self._play(Refresher(self._another(laptop, "refresher"), self._insisting), 2.0)
            self._play(Follower(self._another(laptop, "follower"), self._insisting), 0.3)
            self._play(Listener(self._another(laptop, "listener"), self._insisting), 0.0)
            self._play(Creator(self._another(laptop, "creator"), self._insisting), 2.0)
            self._play(
                Executor(self._another(laptop, "executor"), self._insisting, workflow_id), 0.3
            )
        self._play(Registrar(self.accounts[0], self._insisting), 2.0)

    def end(self) -> None:
        """Wait until the writers have finished, and until the readers have reached the head."""
        self._writers_end.set()
        deadline = time.monotonic() + ENDING_SECONDS_MAX
        for thread in self._threads:
            if thread.name not in READERS:
                thread.join(max(0.0, deadline - time.monotonic()))
        heads = {
            client.email: client.request("GET", "/api/sync/pull?limit=1")["head"]
            for client in self.accounts
        }
        self._history.await_stamps(heads, max(1.0, deadline - time.monotonic()))
        self._over.set()

    def close(self) -> None:
        """Close the accounts' connections."""
        self._closing.close()

    def _another(self, laptop: Client, name: str) -> Client:
        other = self._client(name, laptop.keys)
        other.login(laptop.email, PASSWORD)
        return other

    def _client(self, name: str, keys: Keys) -> Client:
        client = self._closing.enter_context(Client(self._api_url, name, keys))
        client.http.timeout = httpx2.Timeout(TRY_SECONDS_MAX, read=20.0)
        return client

    def _play(self, role: Role, pause: float) -> None:
        name = type(role).__name__
        ends = self._over if name in READERS else self._writers_end

        def repeat() -> None:
            while not ends.is_set():
                role.turn()
                ends.wait(pause)

        thread = threading.Thread(target=repeat, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
