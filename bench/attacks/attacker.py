"""One attacker: a stranger with a few addresses, or the owner of one ordinary account."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2

from bench.attacks import clients
from bench.attacks.clients import AddressPool, RequestCounter
from bin.devtools.stack.client import Client, RefusedError

RETRY_SECONDS_MAX = 6.0  # an attacker sends ten requests a minute at least
PAUSE_SECONDS = 0.2  # after a request that broke off


@dataclass(frozen=True, slots=True)
class Target:
    """Platform under attack, and the email of a neighbour as a stranger may know it."""

    api_url: str
    neighbour_email: str


class Attacker:
    """Sender of an attack's requests, which counts them; its threads end when it is told to stop.

    Threads are daemons: the attack runs in a process of its own, and ends with it.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.stopping = threading.Event()
        self.requests = RequestCounter()
        self._addresses = AddressPool()
        self.address = self._addresses.draw()

    def other_address(self) -> str:
        """Return one more address of the attacker."""
        return self._addresses.draw()

    def client(self, agent_id: str = "attacker", *, address: str = "") -> Client:
        """Return a client without an account."""
        return clients.make_client(
            self.target.api_url, agent_id, address or self.address, self.requests.add
        )

    def account(self, *, public_key: str | None = None) -> Client:
        """Register the attacker's account and return its client."""
        client = self.client()
        clients.register(client, public_key=public_key)
        return client

    def connect(self, *, receive_bytes: int | None = None) -> socket.socket:
        """Open one connection to the API, counted as a request."""
        self.requests.add()
        return clients.connect(self.target.api_url, self.address, receive_bytes=receive_bytes)

    def post(self, client: Client, path: str, **options: Any) -> None:
        """Send a POST; after a refusal by a limit, wait for as long as it says, within bounds.

        :raises httpx2.TransportError: when it breaks off.
        """
        answer = client.http.post(path, **options)
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            pause = float(answer.headers["Retry-After"])
            self.stopping.wait(min(pause, RETRY_SECONDS_MAX))

    def execute(self, client: Client, document: str, times: int, **body: Any) -> None:
        """Create a workflow and start it some times; wait for none, and accept each refusal."""
        with suppress(RefusedError):
            workflow = client.create_workflow("attack", document)
            path = f"/api/workflows/{workflow['id']}/execute"
            for _ in range(times):
                client.http.post(path, json=body, headers={"Prefer": "wait=0"})

    @contextmanager
    def repeating(self, *tasks: Callable[[], None]) -> Iterator[None]:
        """Repeat each task in a thread of its own, until the attacker stops."""

        def repeat(task: Callable[[], None]) -> None:
            while not self.stopping.is_set():
                try:
                    task()
                except (OSError, httpx2.TransportError, json.JSONDecodeError):
                    self.stopping.wait(PAUSE_SECONDS)

        threads = [threading.Thread(target=repeat, args=(task,), daemon=True) for task in tasks]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopping.set()


Attack = Callable[[Attacker], AbstractContextManager[None]]
