"""Attacks by ordinary requests that cost the platform more than their sender."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import httpx2

from bench.attacks.attacker import Attacker
from bench.quick_mode import full_or_quick
from bin.devtools.stack.client import Client

STATE_LENGTH = full_or_quick(400_000, 4_000)  # less than the limit, for this machine's sake
SIBLINGS = 8
CONFLICTS = 100  # of a batch, which is the most
ADDRESSES = full_or_quick(20, 2)
WRONG_PASSWORD = "another pass phrase"  # noqa: S105 - it is nobody's


@contextmanager
def conflicts_in_full(attacker: Attacker) -> Iterator[None]:
    """Batches of a hundred tiny conflicts, each answered with the current version and siblings.

    One small request is answered with hundreds of megabytes, all of them in web's memory at once.
    """
    client = attacker.account()
    data, clocks = "x" * STATE_LENGTH, [{client.agent_id: 1}]
    clocks += [{f"other-{n}": 1} for n in range(SIBLINGS)]
    change = {"type": "settings", "entityId": "one", "encryptedData": ""}
    for number, clock in enumerate(clocks):
        version = {"encryptedData": data, "version": str(number), "vectorClock": clock}
        client.http.post("/api/sync/push", json=change | version)
    changes = [
        change | {"version": f"late {n}", "vectorClock": {f"late-{n}": 1}} for n in range(CONFLICTS)
    ]

    def push() -> None:
        with client.http.stream("POST", "/api/sync/batch", json={"changes": changes}) as response:
            for _ in response.iter_raw(1_048_576):
                if attacker.stopping.is_set():
                    return
            if response.status_code != httpx2.codes.OK:
                attacker.stopping.wait(1.0)

    with attacker.repeating(push):
        yield


@contextmanager
def agent_ids(attacker: Attacker) -> Iterator[None]:
    """Logins to a neighbour's account under ever other agent ids, from twenty addresses.

    Each address sends ten a minute, its limit. Each attempt costs a hash of a password.
    """
    numbers = itertools.count()
    body = {"email": attacker.target.neighbour_email, "password": WRONG_PASSWORD}
    clients = [attacker.client(address=attacker.other_address()) for _ in range(ADDRESSES)]

    def guess(client: Client) -> None:
        headers = {"X-Agent-ID": f"agent-{next(numbers)}"}
        attacker.post(client, "/api/auth/login", json=body, headers=headers)

    with attacker.repeating(*(partial(guess, client) for client in clients)):
        yield
