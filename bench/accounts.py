"""What a request costs as accounts become many: `python -m bench.accounts`.

Among 100, 10,000 and 1,000,000 accounts, each with an agent, a session, a head and a state, filled by SQL:
pushes, pulls of what there is none of, and executions of one step over HTTP, by agents of accounts drawn from
among them by lot, one request after the other. Beside them a request that needs no account shows what the
machine itself did meanwhile. Prints the medians and their ratio to those among the fewest.
"""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, closing

import psycopg

from bench.execute import Ours
from bench.kept import Kept, head, repeating
from bench.pace import paced
from bench.platform import Measured, measured
from bench.pull_growth import seconds
from bench.results import record
from bench.sync import PULL, Agent
from bin.devtools.stack.client import Client, Keys
from engine.accounts.passwords import Passwords
from engine.config.settings import Settings

SIZES = paced((100, 10_000, 1_000_000), (10, 100, 200))
DRAWN = paced(20, 2)  # accounts that are measured at each size
ROUNDS = paced(50, 3)  # of each of them
EXECUTIONS = paced(5, 1)
AT_ONCE = 100_000
AIM = 1.5
PASSWORD = "a long pass phrase"  # noqa: S105 - of made-up accounts
FILL = """
WITH made AS (
    INSERT INTO accounts (id, email, password_hash, public_key, created_at)
    SELECT gen_random_uuid(), 'filled-' || n || '@example.org', %(password_hash)s, %(public_key)s, now()
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    RETURNING id
), agents AS (
    INSERT INTO agents (account_id, id, created_at, last_seen_at, notified_stamp, pulled_stamp)
    SELECT id, 'filler-0', now(), now(), 0, 0 FROM made
), sessions AS (
    INSERT INTO sessions (id, account_id, agent_id, counter, created_at, rotated_at, proved_at, amr, pending,
        tries)
    SELECT gen_random_uuid(), id, 'filler-0', 0, now(), now(), now(), 'pwd', false, 0 FROM made
), heads AS (
    INSERT INTO sync_heads (account_id, stamp, horizon, link, states, bytes)
    SELECT id, 1, 0, sha256('filled'), 1, 64 FROM made
)
INSERT INTO sync_states (account_id, type, entity_id, version, clock, encrypted_data, data_hash, digest,
    agent_id, stamp, deleted, kept)
SELECT id, 'settings', 'filled', '1', '{"filler-0": 1}', data, sha256(data::bytea), sha256('filled'),
    'filler-0', 1, false, 0
FROM made, (SELECT repeat('x', 64) AS data) AS same
"""


def fill(connection: psycopg.Connection, known: dict[str, str], numbers: range) -> None:
    """Make the accounts of these numbers, and let the planner know."""
    for first in range(numbers.start, numbers.stop, AT_ONCE):
        last = min(first + AT_ONCE, numbers.stop) - 1
        connection.execute(FILL, known | {"first": first, "last": last})
    connection.execute("VACUUM ANALYZE accounts, agents, sessions, sync_heads, sync_states")


def drawn(platform: Measured, keys: Keys, size: int, exits: ExitStack) -> Iterator[Client]:
    """Log in to some accounts among all, drawn by lot, always the same."""
    for number in random.Random(size).sample(range(1, size + 1), DRAWN):  # noqa: S311 - a lot, no secret
        client = exits.enter_context(Client(platform.api_url, "bench", keys))
        client.login(f"filled-{number}@example.org", PASSWORD)
        yield client


def pulling(agent: Agent) -> bytes:
    """Return the request for what there is none of."""
    return head("GET", f"{PULL}?type=workflow", agent.headers) + b"\r\n"


def medians(platform: Measured, keys: Keys, size: int) -> dict[str, float]:
    """Return the median milliseconds of each request among so many accounts."""
    spent: dict[str, list[float]] = {"no account": [], "push": [], "pull": [], "execute": []}
    with ExitStack() as exits:
        clients = list(drawn(platform, keys, size, exits))
        agents = [Agent(platform.api_url, client, 0) for client in clients]
        live = head("GET", "/health/live", {}) + b"\r\n"
        scripts = [
            (repeating(live), agent.pushing(), repeating(pulling(agent))) for agent in agents
        ]
        kept = [
            [exits.enter_context(Kept(platform.api_url, one)) for one in three] for three in scripts
        ]
        for turn in range(ROUNDS + 1):
            for three in kept:
                for name, one in zip(spent, three, strict=False):
                    took = seconds(one)
                    if turn:  # the first one warms up
                        spent[name].append(1000 * took)
        ours = [Ours(client) for client in clients]
        spent["execute"] = [1000 * one.run() for _ in range(EXECUTIONS + 1) for one in ours][
            len(ours) :
        ]
    return {name: statistics.median(times) for name, times in spent.items()}


def main() -> None:
    """Fill, measure, fill again, and print."""
    keys = Keys.fresh()
    with measured() as platform:
        known = {
            "password_hash": Passwords(Settings.from_env(platform.environ)).hash(PASSWORD),
            "public_key": json.dumps(keys.identity.as_dict(private=False)),
        }
        found: dict[int, dict[str, float]] = {}
        with closing(psycopg.connect(platform.stack.database_url, autocommit=True)) as connection:
            for size in SIZES:
                fill(connection, known, range(1 + max(found, default=0), size + 1))
                found[size] = medians(platform, keys, size)
    fewest = found[SIZES[0]]
    for name in fewest:
        told = ", ".join(
            f"{size:,}: {times[name]:.2f} ms (x {times[name] / fewest[name]:.2f})"
            for size, times in found.items()
        )
        print(f"{name}: {told}")
        for size, times in found.items():
            over, aim = f"among {SIZES[0]:,}", None if name == "no account" else AIM
            record(
                name, times[name], "ms", over=over, baseline=fewest[name], at_most=aim, size=size
            )


if __name__ == "__main__":
    main()
