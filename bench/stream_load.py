"""Accounts with one pusher each, and a process that holds their other agents' streams open."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from queue import Queue
from threading import Thread
from typing import IO
from urllib.parse import urlsplit
from uuid import uuid4

from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.platform import ROOT

EVENT_SECONDS_MAX = 60


class Pusher:
    """Agent that sends requests over one plain keep-alive connection."""

    def __init__(self, api_url: str, authorization: str) -> None:
        url = urlsplit(api_url)
        self._connection = http.client.HTTPConnection(url.hostname or "", url.port)
        self.headers = {
            "Authorization": authorization,
            "X-Agent-ID": "laptop",
            "Content-Type": "application/json",
        }
        self._counter = count(1)

    def push(self) -> None:
        """Push the next version of one state."""
        number = next(self._counter)
        body = {
            "type": "settings",
            "entityId": "one",
            "encryptedData": "x" * 1024,
            "version": str(number),
        }
        self._send("POST", "/api/sync/push", json.dumps(body | {"vectorClock": {"laptop": number}}))

    def read(self) -> None:
        """Read the account."""
        self._send("GET", "/api/auth/me")

    def _send(self, method: str, path: str, body: str | None = None) -> None:
        self._connection.request(method, path, body, self.headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise AssertionError(f"{method} {path} answered {answer.status}")


@dataclass(slots=True)
class StreamLoad:
    """Pushers by account, and the events that the streams of their accounts received."""

    pushers: list[Pusher]
    # The headers of each; stream n belongs to account n modulo the number of accounts.
    streams: list[dict[str, str]]
    events: Queue[tuple[int, int]] = field(default_factory=Queue)  # stream and nanoseconds

    @classmethod
    def of(cls, api_url: str, *, accounts: int, streams: int) -> StreamLoad:
        """Register accounts, log in another agent of each, and spread the streams over these."""
        with ThreadPoolExecutor(4) as threads:
            pairs = list(threads.map(lambda _: _register(api_url), range(accounts)))
        return cls(
            [pusher for pusher, _ in pairs], [pairs[n % accounts][1] for n in range(streams)]
        )

    @contextmanager
    def listening(self, api_url: str) -> Iterator[None]:
        """Hold the streams open while the body runs."""
        url = urlsplit(api_url)
        child = subprocess.Popen(
            [sys.executable, "-m", "bench.stream_listener"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        if child.stdin is None or child.stdout is None:
            raise AssertionError("the child has no pipes")
        with child:
            order = {"host": url.hostname, "port": url.port, "streams": self.streams}
            child.stdin.write(json.dumps(order) + "\n")
            child.stdin.flush()
            if child.stdout.readline() != "open\n":
                raise AssertionError("the streams did not open")
            Thread(target=self._read, args=(child.stdout,), daemon=True).start()
            yield
            child.stdin.close()

    def wait_for_events(self, accounts: set[int]) -> list[int]:
        """Return when each stream of these accounts first received an event, once all have (ns)."""
        numbers = {n for n in range(len(self.streams)) if n % len(self.pushers) in accounts}
        times: defaultdict[int, list[int]] = defaultdict(list)
        while numbers - set(times):
            number, at = self.events.get(timeout=EVENT_SECONDS_MAX)
            times[number].append(at)
        return [min(instants) for instants in times.values()]

    def _read(self, output: IO[str]) -> None:
        for line in output:
            number, at = line.split()
            self.events.put((int(number), int(at)))


def _register(api_url: str) -> tuple[Pusher, dict[str, str]]:
    with (
        Client(api_url, "laptop", Keys.fresh()) as laptop,
        Client(api_url, "phone", laptop.keys) as phone,
    ):
        laptop.register(f"{uuid4()}@example.org", "a long pass phrase")
        phone.login(laptop.email, laptop.password)
        headers = {"Authorization": phone.http.headers["Authorization"], "X-Agent-ID": "phone"}
        return Pusher(api_url, laptop.http.headers["Authorization"]), headers
