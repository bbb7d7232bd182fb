"""Requests under an `Idempotency-Key`, each sent until it is answered, while clients and parts are killed."""

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
LATE = 10  # requests of a round that are sent between halt and kill, and so are hit for certain
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: what a killed client's machine does
PATIENCE_SECONDS = 0.05
PLAN = (("web",), ("temporal",), ("web", "relay"), ("web", "temporal", "relay"))
SOAK = 40  # rounds of kills
EACH = 3 * AT_ONCE  # requests of a round that are sent before
HITS_MIN = 50  # four rounds hit 4 * LATE, and EACH / 3 clients that are gone
SENT = "http11.receive_response_headers.started"  # of httpcore's trace: the whole request is on its way


@dataclass(slots=True)
class Tally:
    """What the kills have hit, and what the clients were answered."""

    hits: Counter[str] = field(default_factory=Counter)
    answers: dict[str, set[str]] = field(default_factory=dict)  # ids of what was made, by key
    begun: int = 0  # requests, each attempt counted
    sent: set[str] = field(default_factory=set)  # keys whose request has been sent as a whole
    lock: Lock = field(default_factory=Lock)

    def hit(self, what: str, count: int = 1) -> None:
        """Count requests, or what they made, that a kill has hit."""
        with self.lock:
            self.hits[what] += count

    def answered(self, key: str, made: str) -> None:
        """Note what a client was told."""
        with self.lock:
            self.answers.setdefault(key, set()).add(made)

    def told(self) -> None:
        """Print what was hit, and require that it was enough to speak of."""
        sys.stdout.write(
            f"{len(self.answers)} requests, each sent until it was answered, and once more; hit\n"
        )
        sys.stdout.writelines(f"{count:>5} {what}\n" for what, count in sorted(self.hits.items()))
        assert sum(self.hits.values()) >= HITS_MIN


@dataclass(frozen=True, slots=True)
class Asking:
    """A client that sends the same request under a key until it is answered."""

    url: str
    headers: dict[str, str]
    body: Callable[[str], Any]  # of a key
    made: Callable[[dict[str, Any]], str]  # the id that an answer tells
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def of(
        cls,
        client: Client,
        url: str,
        body: Callable[[str], Any],
        made: Callable[[dict[str, Any]], str],
    ) -> Asking:
        """Return one that has a client's token and agent."""
        headers = {
            "Authorization": client.http.headers["Authorization"],
            "X-Agent-ID": client.agent_id,
        }
        return cls(url, headers, body, made)

    def request(self, key: str, wait: int) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers of the request under a key, the same each time but for the wait."""
        said = {
            "Idempotency-Key": key,
            "Prefer": f"wait={wait}",
            "Content-Type": "application/json",
        }
        return json.dumps(self.body(key)).encode(), self.headers | said

    def until_answered(self, key: str, wait: int = 1) -> None:
        """Repeat the request until it is accepted; each attempt that breaks off was hit by a kill of web."""
        body, headers = self.request(key, wait)

        def trace(event: str, _info: Any) -> None:
            if event == SENT:
                self.tally.sent.add(key)

        with httpx2.Client(timeout=30, verify=CERTIFICATES) as http:
            while True:
                self.tally.begun += 1
                try:
                    answer = http.post(
                        self.url, content=body, headers=headers, extensions={"trace": trace}
                    )
                except (httpx2.RemoteProtocolError, httpx2.ReadError):
                    self.tally.hit("requests under way in a web process that was killed")
                except (
                    httpx2.TransportError
                ):  # web is not back yet: nothing of the request was sent
                    Event().wait(PATIENCE_SECONDS)
                else:
                    if answer.is_success:
                        self.tally.answered(key, self.made(answer.json()))
                        return
                    assert answer.status_code in {409, 503}, answer.text
                    Event().wait(PATIENCE_SECONDS)

    def killed_after(self, key: str, seconds: float) -> None:
        """Send the request, and be gone `seconds` later without a word."""
        at = urlsplit(self.url)
        body, headers = self.request(key, wait=1)
        headers |= {"Host": at.netloc, "Content-Length": str(len(body))}
        head = f"POST {at.path} HTTP/1.1\r\n" + "".join(
            f"{name}: {headers[name]}\r\n" for name in headers
        )
        with socket.create_connection((at.hostname or "", at.port or 0), timeout=30) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            wire.sendall(head.encode() + b"\r\n" + body)
            self.tally.begun += 1
            Event().wait(seconds)
        self.tally.hit("clients that were gone before the answer")


def counted(fragile: Fragile, query: str, *values: object) -> int:
    """Return the one number that a query of the platform's database finds."""
    with psycopg.connect(fragile.stack.database_url) as connection:
        (count,) = connection.execute(query.encode(), values).fetchone() or (0,)
    return int(count)


def kill(
    fragile: Fragile,
    asking: Asking,
    victims: Sequence[str],
    held: Mapping[str, str],
    late: Sequence[str],
    threads: ThreadPoolExecutor,
) -> list[Future[None]]:
    """Kill parts and start them again; count what each of them `held`, by a query.

    The parts are halted first, and killed once requests under the `late` keys have met them: what is under
    way in a part stays there until it is killed. Returns these requests.
    """
    for victim in victims:
        fragile.all.halt(victim)
    asked = [threads.submit(asking.until_answered, key) for key in late]
    if "web" in victims:
        assert until(lambda: asking.tally.sent.issuperset(late))
    else:
        assert until(lambda: all(counted(fragile, held[victim]) >= len(late) for victim in victims))
    for victim in victims:
        if victim in held:
            asking.tally.hit(f"under way when {victim} was killed", counted(fragile, held[victim]))
    for victim in victims:
        fragile.kill(victim)
    for victim in victims:
        fragile.revive(victim)
    return asked


def one_round(
    fragile: Fragile,
    asking: Asking,
    victims: Sequence[str],
    held: Mapping[str, str],
    keys: Sequence[str],
    draw: random.Random,
    seconds_max: float,
) -> None:
    """Let clients ask at once, kill some of them at once and the parts at a moment that is drawn."""
    begun = asking.tally.begun
    early, late = keys[:EACH], keys[EACH:]
    gone = early[: EACH // 3] if "web" not in victims else []
    with ThreadPoolExecutor(AT_ONCE) as threads, ThreadPoolExecutor(len(late)) as more_threads:
        asked: list[Future[None]] = [
            threads.submit(asking.killed_after, key, draw.uniform(0, 0.3))
            if key in gone
            else threads.submit(asking.until_answered, key)
            for key in early
        ]
        assert until(lambda: asking.tally.begun >= begun + AT_ONCE)
        Event().wait(draw.uniform(0, seconds_max))
        asked += kill(fragile, asking, victims, held, late, more_threads)
        for one in asked:
            one.result()
        for one in [threads.submit(asking.until_answered, key, wait=0) for key in keys]:
            one.result()  # all ask once more: who was answered before, and who never was


def killing(
    fragile: Fragile, asking: Asking, held: Mapping[str, str], *, rounds: int, seconds_max: float
) -> list[str]:
    """Play rounds of kills, each up to `seconds_max` after it was asked for most; return the keys.

    For each of them the clients were told one and the same id.
    """
    draw = random.Random(20261125)  # noqa: S311 - moments of kills, the same in each run
    keys: list[str] = []
    for number in range(rounds):
        fresh = [f"{number}-{each}" for each in range(EACH + LATE)]
        one_round(fragile, asking, PLAN[number % len(PLAN)], held, fresh, draw, seconds_max)
        keys += fresh
    assert {key: len(told) for key, told in asking.tally.answers.items()} == dict.fromkeys(keys, 1)
    return keys
