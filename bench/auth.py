"""What a login costs over its hash, and a refresh over its SQL statement: `python -m bench.auth`.

Clients log in and refresh over HTTP. By turns, as many threads verify the same password without the
platform, and as many connections update rows of the same table. Then the slowest hundredth of
`GET /api/auth/me` is measured alone, and while fifty logins come at once. Prints rates, times and
their ratios.
"""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from argon2 import PasswordHasher

from bench.platform import PlatformUnderTest, run_platform
from bench.quick_mode import full_or_quick
from bench.rates import Task, rate
from bench.results import record
from engine.config.settings import Settings

CLIENTS = 4  # as many as may hash at once on two cores
ROUNDS = full_or_quick(5, 1)
READS = full_or_quick(1000, 100)
LOGINS = full_or_quick(50, 5)
PASSWORD = "a long pass phrase"  # noqa: S105 - of made-up accounts
ROTATE = """
UPDATE sessions SET counter = counter + 1, rotated_at = now()
WHERE id = %s AND revoked_at IS NULL RETURNING counter
"""


class Person:
    """Account that sends requests over one plain keep-alive connection."""

    def __init__(self, api_url: str) -> None:
        url = urlsplit(api_url)
        self._connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
        self.email = f"{uuid4()}@example.org"
        answer = self._post(
            "register", {"email": self.email, "password": PASSWORD, "publicKey": ""}
        )
        self._token, self._refresh_token = answer["accessToken"], answer["refreshToken"]

    @property
    def session_id(self) -> str:
        """Return the id of the session, as the refresh token names it."""
        return str(self._refresh_token.split(".")[2])

    def login(self) -> None:
        """Log in; wait while the platform answers that it is busy."""
        while self._post("login", {"email": self.email, "password": PASSWORD}) == {}:
            time.sleep(1)

    def refresh(self) -> None:
        """Rotate the session."""
        self._refresh_token = self._post("refresh", {"refreshToken": self._refresh_token})[
            "refreshToken"
        ]

    def read(self) -> float:
        """Read the account; return the seconds it took."""
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {self._token}", "X-Agent-ID": "bench"}
        self._connection.request("GET", "/api/auth/me", None, headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise AssertionError(f"GET /api/auth/me answered {answer.status}")
        return time.perf_counter() - began

    def _post(self, name: str, body: dict[str, str]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "X-Agent-ID": "bench"}
        self._connection.request("POST", f"/api/auth/{name}", json.dumps(body), headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status == http.client.SERVICE_UNAVAILABLE:
            return {}
        if answer.status >= http.client.BAD_REQUEST:
            raise AssertionError(f"{name} answered {answer.status}: {text!r}")
        body_of_answer: dict[str, Any] = json.loads(text)
        return body_of_answer


def compare(what: str, ours: Sequence[Task], baseline: Sequence[Task], baseline_name: str) -> None:
    """Measure by turns; print."""
    pairs = [(rate(ours), rate(baseline)) for _ in range(ROUNDS)]
    rates = [statistics.median(side) for side in zip(*pairs, strict=True)]
    print(
        f"{what}, {len(ours)} clients: {rates[0]:.0f}/s over HTTP, "
        f"{rates[1]:.0f}/s {baseline_name}, ratio {rates[0] / rates[1]:.2f}"
    )
    record(f"{what}, {len(ours)} clients", rates[0], "/s", over=baseline_name, baseline=rates[1])


def make_verification(settings: Settings) -> Task:
    """Return a task that verifies a password without the platform."""
    hasher = PasswordHasher(settings.password_hash_passes, settings.password_hash_kib, 1)
    digest = hasher.hash(PASSWORD)

    def verify() -> None:
        hasher.verify(digest, PASSWORD)

    return verify


def make_rotation(exits: ExitStack, platform: PlatformUnderTest, person: Person) -> Task:
    """Return a task that rotates a person's session by SQL alone."""
    connection = exits.enter_context(psycopg.connect(platform.stack.database_url))

    def rotate(session_id: str) -> None:
        connection.execute(ROTATE, [session_id], prepare=True)
        connection.commit()

    return partial(rotate, person.session_id)


def slowest(times: Sequence[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return 1000 * statistics.quantiles(times, n=100)[98]


def crowd(api_url: str) -> Iterator[Person]:
    """Register as many as will log in at once."""
    for _ in range(LOGINS):
        yield Person(api_url)


def under_logins(platform: PlatformUnderTest) -> None:
    """Measure reads alone and while logins come at once; print."""
    reader, people = Person(platform.api_url), list(crowd(platform.api_url))
    alone = [reader.read() for _ in range(READS)]
    with ThreadPoolExecutor(LOGINS) as threads:
        began = time.perf_counter()
        logins = [threads.submit(person.login) for person in people]
        beside = []
        while not all(login.done() for login in logins):
            beside.append(reader.read())
        seconds = time.perf_counter() - began
    quiet, busy = slowest(alone), slowest(beside)
    print(
        f"GET /api/auth/me, p99: {quiet:.1f} ms alone, {busy:.1f} ms while {LOGINS} logins took "
        f"{seconds:.1f} s ({len(beside)} reads), ratio {busy / quiet:.1f}"
    )
    claim = f"GET /api/auth/me beside {LOGINS} logins, p99"
    record(claim, busy, "ms", over="the same alone", baseline=quiet)


def main() -> None:
    """Measure logins, refreshes, and reads beside logins."""
    with run_platform() as platform, ExitStack() as exits:
        settings = Settings.from_env(platform.environ)
        people = [Person(platform.api_url) for _ in range(CLIENTS)]
        compare(
            "login",
            [one.login for one in people],
            [make_verification(settings)] * CLIENTS,
            "bare hashes",
        )
        bare = [make_rotation(exits, platform, Person(platform.api_url)) for _ in people]
        compare("refresh", [one.refresh for one in people], bare, "bare SQL")
        under_logins(platform)


if __name__ == "__main__":
    main()
