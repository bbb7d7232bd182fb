"""Whoever is killed around an `execute` under an `Idempotency-Key`: there is exactly one execution of it."""

from __future__ import annotations

import json
import random
import socket
import struct
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from urllib.parse import urlsplit

import httpx
import psycopg
from temporalio.client import Client as TemporalClient

from bin.local.client import Client
from tests.conftest import joined
from tests.journeys.conftest import Fragile, until
from tests.journeys.test_outages import HEAD

AT_ONCE = 12
BEFORE_KILL_SECONDS_MAX = 0.6
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: what a killed client's machine does
PATIENCE_SECONDS = 0.05
QUIET, SOAK = 4, 40  # rounds of kills


@dataclass(slots=True)
class Tally:
    """What the kills have hit, and what the clients were answered."""

    hits: Counter[str] = field(default_factory=Counter)
    answers: dict[str, set[str]] = field(default_factory=dict)  # execution ids, by key
    begun: int = 0  # requests, each attempt counted
    lock: Lock = field(default_factory=Lock)

    def hit(self, what: str, count: int = 1) -> None:
        """Count requests or executions that a kill has hit."""
        with self.lock:
            self.hits[what] += count

    def answered(self, key: str, execution_id: str) -> None:
        """Note what a client was told."""
        with self.lock:
            self.answers.setdefault(key, set()).add(execution_id)


@dataclass(frozen=True, slots=True)
class Asking:
    """A client that executes one workflow again and again under the same key until it is answered."""

    url: str
    headers: dict[str, str]
    tally: Tally

    def request(self, key: str, wait: int) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers of the request under a key, the same each time but for the wait."""
        said = {"Idempotency-Key": key, "Prefer": f"wait={wait}", "Content-Type": "application/json"}
        return json.dumps({"input": {"key": key}}).encode(), self.headers | said

    def until_answered(self, key: str, wait: int = 1) -> None:
        """Repeat the request until it is accepted; each attempt that breaks off was hit by a kill of web."""
        body, headers = self.request(key, wait)
        with httpx.Client(timeout=30) as http:
            while True:
                self.tally.begun += 1
                try:
                    answer = http.post(self.url, content=body, headers=headers)
                except (httpx.RemoteProtocolError, httpx.ReadError):
                    self.tally.hit("requests under way in a web process that was killed")
                except httpx.TransportError:  # web is not back yet: nothing of the request was sent
                    Event().wait(PATIENCE_SECONDS)
                else:
                    if answer.is_success:
                        self.tally.answered(key, answer.json()["executionId"])
                        return
                    assert answer.status_code in {409, 503}, answer.text
                    Event().wait(PATIENCE_SECONDS)

    def killed_after(self, key: str, seconds: float) -> None:
        """Send the request, and be gone `seconds` later without a word."""
        at = urlsplit(self.url)
        body, headers = self.request(key, wait=1)
        headers |= {"Host": at.netloc, "Content-Length": str(len(body))}
        head = f"POST {at.path} HTTP/1.1\r\n" + "".join(f"{name}: {headers[name]}\r\n" for name in headers)
        with socket.create_connection((at.hostname or "", at.port or 0), timeout=30) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            wire.sendall(head.encode() + b"\r\n" + body)
            self.tally.begun += 1
            Event().wait(seconds)
        self.tally.hit("clients that were gone before the answer")


def running(fragile: Fragile, condition: str) -> int:
    """Count the executions that run by their rows under a condition."""
    query = f"SELECT count(*) FROM executions WHERE status = 'running' AND {condition}"  # noqa: S608
    with psycopg.connect(fragile.stack.database_url) as connection:
        (count,) = connection.execute(query).fetchone() or (0,)
    return int(count)


STARTED = (
    "EXISTS (SELECT FROM outbox WHERE kind = 'execution.start' AND outbox.subject = executions.id::text)"
)


def kill(fragile: Fragile, tally: Tally, victims: Sequence[str]) -> None:
    """Kill parts and start them again, and count what was under way."""
    if "temporal" in victims:
        tally.hit("executions under way when the worker was killed", running(fragile, "true"))
    if "relay" in victims:
        tally.hit("executions in the outbox when the relay was killed", running(fragile, STARTED))
    for victim in victims:
        fragile.kill(victim)
    for victim in victims:
        fragile.revive(victim)


def one_round(
    fragile: Fragile, asking: Asking, victims: Sequence[str], keys: Sequence[str], draw: random.Random
) -> None:
    """Let clients ask at once, kill some of them at once and the parts at a moment that is drawn."""
    begun = asking.tally.begun
    gone = keys[: len(keys) // 3] if "web" not in victims else []
    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked: list[Future[None]] = [
            threads.submit(asking.killed_after, key, draw.uniform(0, 0.3))
            if key in gone
            else threads.submit(asking.until_answered, key)
            for key in keys
        ]
        assert until(lambda: asking.tally.begun >= begun + AT_ONCE)
        Event().wait(draw.uniform(0, BEFORE_KILL_SECONDS_MAX))
        kill(fragile, asking.tally, victims)
        for one in asked:
            one.result()
        for one in [threads.submit(asking.until_answered, key, wait=0) for key in keys]:
            one.result()  # all ask once more: who was answered before, and who never was


async def counted(fragile: Fragile, account_id: str) -> tuple[int, int]:
    """Return how many executions of an account there are: rows, and workflows of Temporal's."""
    with psycopg.connect(fragile.stack.database_url) as connection:
        query = "SELECT count(*) FROM executions WHERE account_id = %s"
        (rows,) = connection.execute(query, [account_id]).fetchone() or (0,)
    temporal = await TemporalClient.connect(fragile.stack.temporal_address)
    found = await temporal.count_workflows(f"WorkflowType = 'execution' AND account = '{account_id}'")
    return rows, found.count


def workflow_of(laptop: Client) -> str:
    """Make the workflow that is executed: short, and with a wait so that kills find it under way."""
    document = HEAD + "do:\n  - nap: {wait: {milliseconds: 300}}\n  - done: {set: {key: '${ .key }'}}\n"
    workflow = laptop.create_workflow("once", document)
    assert workflow["diagnostics"] == []
    return str(workflow["id"])


async def test_however_often_it_is_asked_for_and_whoever_is_killed_there_is_one_execution(
    fragile: Fragile, *, soak: bool
) -> None:
    draw = random.Random(20261125)  # noqa: S311 - moments of kills, the same in each run
    tally, keys = Tally(), []
    plan = [["web"], ["temporal"], ["web", "relay"], ["web", "temporal", "relay"]]
    with joined(fragile.platform) as laptop:
        account_id = laptop.request("GET", "/api/auth/me")["id"]
        token = laptop.http.headers["Authorization"]
        url = f"{fragile.platform.api_url}/api/workflows/{workflow_of(laptop)}/execute"
        asking = Asking(url, {"Authorization": token, "X-Agent-ID": laptop.agent_id}, tally)
        for number in range(SOAK if soak else QUIET):
            fresh = [f"{number}-{each}" for each in range(2 * AT_ONCE)]
            one_round(fragile, asking, plan[number % len(plan)], fresh, draw)
            keys += fresh
        assert {key: len(told) for key, told in tally.answers.items()} == dict.fromkeys(keys, 1)
        assert until(lambda: not running(fragile, f"account_id = '{account_id}'"))
    sys.stdout.write(f"{len(keys)} requests, each sent until it was answered, and once more; kills hit\n")
    sys.stdout.writelines(f"{count:>5} {what}\n" for what, count in sorted(tally.hits.items()))
    assert sum(tally.hits.values()) >= 50
    found = (0, 0)
    while found[1] < len(keys):  # visibility lags behind the truth
        found = await counted(fragile, account_id)
    assert found == (len(keys), len(keys))
