"""Requests with an `Idempotency-Key`, repeated until answered, while parts and clients die."""

from __future__ import annotations

import json
import random
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg

from bin.devtools.stack.client import CERTIFICATES, Client
from tests.support.journeys.fragile import Fragile
from tests.support.waiting import until

AT_ONCE = 12
LATE = 10  # requests of a round between halt and kill, so that the kill certainly hits them
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: closes as a killed client's machine does
PATIENCE_SECONDS = 0.05
PLAN = (("web",), ("temporal",), ("web", "relay"), ("web", "temporal", "relay"))
SOAK = 40  # rounds of kills
EACH = 3 * AT_ONCE  # requests of a round that start before the kill
HITS_MIN = 50  # four rounds hit 4 * LATE requests, and EACH / 3 clients that are gone
# Event of httpcore's trace: the whole request has left the client.
REQUEST_SENT = "http11.receive_response_headers.started"


@dataclass(slots=True)
class Tally:
    """Counts of what the kills hit, and the ids that clients received."""

    hits: Counter[str] = field(default_factory=Counter)
    answers: dict[str, set[str]] = field(default_factory=dict)  # ids in the answers, by key
    attempts: int = 0
    sent_keys: set[str] = field(default_factory=set)  # of requests that have left as a whole
    lock: Lock = field(default_factory=Lock)

    def hit(self, what: str, count: int = 1) -> None:
        """Count requests, or their effects, that a kill hit."""
        with self.lock:
            self.hits[what] += count

    def add_answer(self, key: str, object_id: str) -> None:
        """Record the id in an answer."""
        with self.lock:
            self.answers.setdefault(key, set()).add(object_id)

    def report(self) -> None:
        """Print the counts, and require at least HITS_MIN hits."""
        sys.stdout.write(
            f"{len(self.answers)} requests, each sent until it was answered, and once more; hit\n"
        )
        sys.stdout.writelines(f"{count:>5} {what}\n" for what, count in sorted(self.hits.items()))
        assert sum(self.hits.values()) >= HITS_MIN


@dataclass(frozen=True, slots=True)
class RetryingClient:
    """Client that sends the same request under a key until it is answered."""

    url: str
    headers: dict[str, str]
    body: Callable[[str], Any]  # of a key
    id_of: Callable[[dict[str, Any]], str]  # of an answer
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def of(
        cls,
        client: Client,
        url: str,
        body: Callable[[str], Any],
        id_of: Callable[[dict[str, Any]], str],
    ) -> RetryingClient:
        """Return a retrying client with a client's token and agent."""
        headers = {
            "Authorization": client.http.headers["Authorization"],
            "X-Agent-ID": client.agent_id,
        }
        return cls(url, headers, body, id_of)

    def request(self, key: str, wait: int) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers of a key's request; each try differs only in the wait."""
        headers = {
            "Idempotency-Key": key,
            "Prefer": f"wait={wait}",
            "Content-Type": "application/json",
        }
        return json.dumps(self.body(key)).encode(), self.headers | headers

    def until_answered(self, key: str, wait: int = 1) -> None:
        """Repeat the request until it is accepted; count each try that a kill of web cut off."""
        body, headers = self.request(key, wait)

        def trace(event: str, _info: Any) -> None:
            if event == REQUEST_SENT:
                self.tally.sent_keys.add(key)

        with httpx2.Client(timeout=30, verify=CERTIFICATES) as http:
            while True:
                self.tally.attempts += 1
                try:
                    answer = http.post(
                        self.url, content=body, headers=headers, extensions={"trace": trace}
                    )
                except (httpx2.RemoteProtocolError, httpx2.ReadError):
                    self.tally.hit("requests under way in a web process that was killed")
                except httpx2.TransportError:  # web has not restarted: no byte was sent
                    Event().wait(PATIENCE_SECONDS)
                else:
                    if answer.is_success:
                        self.tally.add_answer(key, self.id_of(answer.json()))
                        return
                    assert answer.status_code in {409, 503}, answer.text
                    Event().wait(PATIENCE_SECONDS)

    def killed_after(self, key: str, seconds: float) -> None:
        """Send the request, and reset the connection `seconds` later."""
        at = urlsplit(self.url)
        body, headers = self.request(key, wait=1)
        headers |= {"Host": at.netloc, "Content-Length": str(len(body))}
        head = f"POST {at.path} HTTP/1.1\r\n" + "".join(
            f"{name}: {headers[name]}\r\n" for name in headers
        )
        with socket.create_connection((at.hostname or "", at.port or 0), timeout=30) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            wire.sendall(head.encode() + b"\r\n" + body)
            self.tally.attempts += 1
            Event().wait(seconds)
        self.tally.hit("clients that were gone before the answer")


def count_rows(fragile: Fragile, query: str, *values: object) -> int:
    """Return the number that a query of the platform's database selects."""
    with psycopg.connect(fragile.stack.database_url) as connection:
        (count,) = connection.execute(query.encode(), values).fetchone() or (0,)
    return int(count)


def kill(
    fragile: Fragile,
    asking: RetryingClient,
    victims: Sequence[str],
    queries: Mapping[str, str],
    late: Sequence[str],
    threads: ThreadPoolExecutor,
) -> list[Future[None]]:
    """Kill parts and restart them; count the work of each by its query in `queries`.

    The parts are halted first, and killed once the requests under the `late` keys have reached
    them, so that this work is certainly under way. Returns these requests.
    """
    for victim in victims:
        fragile.all.halt(victim)
    late_requests = [threads.submit(asking.until_answered, key) for key in late]
    if "web" in victims:
        assert until(lambda: asking.tally.sent_keys.issuperset(late))
    else:
        assert until(
            lambda: all(count_rows(fragile, queries[victim]) >= len(late) for victim in victims)
        )
    for victim in victims:
        if victim in queries:
            asking.tally.hit(
                f"under way when {victim} was killed", count_rows(fragile, queries[victim])
            )
    for victim in victims:
        fragile.kill(victim)
    for victim in victims:
        fragile.revive(victim)
    return late_requests


def one_round(
    fragile: Fragile,
    asking: RetryingClient,
    victims: Sequence[str],
    queries: Mapping[str, str],
    keys: Sequence[str],
    draw: random.Random,
    seconds_max: float,
) -> None:
    """Let clients send at once, kill some of them, and kill the parts at a random moment."""
    attempts = asking.tally.attempts
    early, late = keys[:EACH], keys[EACH:]
    killed_keys = early[: EACH // 3] if "web" not in victims else []
    with ThreadPoolExecutor(AT_ONCE) as threads, ThreadPoolExecutor(len(late)) as more_threads:
        requests: list[Future[None]] = [
            threads.submit(asking.killed_after, key, draw.uniform(0, 0.3))
            if key in killed_keys
            else threads.submit(asking.until_answered, key)
            for key in early
        ]
        assert until(lambda: asking.tally.attempts >= attempts + AT_ONCE)
        Event().wait(draw.uniform(0, seconds_max))
        requests += kill(fragile, asking, victims, queries, late, more_threads)
        for one in requests:
            one.result()
        for one in [threads.submit(asking.until_answered, key, wait=0) for key in keys]:
            one.result()  # each key sends once more, with or without an earlier answer


def play_rounds(
    fragile: Fragile,
    asking: RetryingClient,
    queries: Mapping[str, str],
    *,
    rounds: int,
    seconds_max: float,
) -> list[str]:
    """Play rounds of kills, each up to `seconds_max` after most requests began; return the keys.

    Checks that all answers to a key have the same id.
    """
    draw = random.Random(20261125)  # noqa: S311 - moments of kills, the same in each run
    keys: list[str] = []
    for number in range(rounds):
        fresh = [f"{number}-{each}" for each in range(EACH + LATE)]
        one_round(fragile, asking, PLAN[number % len(PLAN)], queries, fresh, draw, seconds_max)
        keys += fresh
    assert {key: len(ids) for key, ids in asking.tally.answers.items()} == dict.fromkeys(keys, 1)
    return keys
