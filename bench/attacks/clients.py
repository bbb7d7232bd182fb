"""Clients that send from loopback addresses of their own, because rates are limited by address."""

from __future__ import annotations

import itertools
import secrets
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from bin.devtools.stack.client import CERTIFICATES, Client, Keys

PASSWORD = "a long pass phrase"  # noqa: S105 - of accounts that live as long as the measurement
SECONDS_MAX = 30.0  # for which a client waits for any one answer
CONNECTIONS_MAX = 200


class AddressPool:
    """Loopback addresses that nobody else uses: all but the last number is drawn."""

    def __init__(self) -> None:
        self._prefix = f"127.{16 + secrets.randbelow(200)}.{secrets.randbelow(256)}"
        self._numbers = itertools.count(1)

    def draw(self) -> str:
        """Return the next address, of at most 254."""
        return f"{self._prefix}.{next(self._numbers)}"


class RequestCounter:
    """Count of requests and connections, for several threads."""

    def __init__(self) -> None:
        self._lock, self.total = threading.Lock(), 0

    def add(self, _request: object = None) -> None:
        """Count one."""
        with self._lock:
            self.total += 1


def make_client(
    api_url: str, agent_id: str, address: str, count: Callable[[object], None]
) -> Client:
    """Return a client of the API that connects from an address; `count` is called per request."""
    client = Client(api_url, agent_id, Keys.fresh())
    client.http.close()
    client.http = httpx2.Client(
        base_url=api_url,
        headers={"X-Agent-ID": agent_id},
        timeout=SECONDS_MAX,
        transport=httpx2.HTTPTransport(
            verify=CERTIFICATES,
            local_address=address,
            limits=httpx2.Limits(max_connections=CONNECTIONS_MAX),
        ),
        event_hooks={"request": [count]},
    )
    return client


def register(client: Client, *, public_key: str | None = None) -> None:
    """Register an account with the client's own public key, or with another text as its key."""
    email = f"{uuid4()}@example.org"
    if public_key is None:
        client.register(email, PASSWORD)
        return
    body = {"email": email, "password": PASSWORD, "publicKey": public_key}
    answer = client.request("POST", "/api/auth/register", json=body)
    client.email, client.password = email, PASSWORD
    client.http.headers["Authorization"] = f"Bearer {answer['accessToken']}"


def connect(api_url: str, address: str, *, receive_bytes: int | None = None) -> socket.socket:
    """Connect from an address.

    :param receive_bytes: size of the buffer for what the server sends; the system's by default.
    """
    url = urlsplit(api_url)
    connection = socket.socket()
    if receive_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(SECONDS_MAX)
    connection.bind((address, 0))
    connection.connect((url.hostname or "", url.port or 80))
    return connection
