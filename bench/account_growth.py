"""What a request costs as accounts become many: `python -m bench.account_growth`.

Among 100, 10,000 and 1,000,000 accounts, each with an agent, a session, a sync head and a state.
SQL inserts them. Agents of accounts drawn at random push, pull an empty page and execute one step
over HTTP, one request after the other. A request without an account shows what else the machine
did. Prints the medians, and their ratios to the medians among the fewest accounts.
"""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, closing

import psycopg

from bench.connections import HttpConnection, head, repeating
from bench.execute import Executor
from bench.platform import PlatformUnderTest, run_platform
from bench.pull_growth import seconds
from bench.quick_mode import full_or_quick
from bench.results import record
from bench.sync import PULL, Agent
from bin.devtools.stack.client import Client, Keys
from engine.accounts.passwords import Passwords
from engine.config.settings import Settings

SIZES = full_or_quick((100, 10_000, 1_000_000), (10, 100, 200))
ACCOUNTS = full_or_quick(20, 2)  # accounts that are measured at each size
ROUNDS = full_or_quick(50, 3)  # of each of them
EXECUTIONS = full_or_quick(5, 1)
AT_ONCE = 100_000
AIM = 1.5
PASSWORD = "a long pass phrase"  # noqa: S105 - of made-up accounts
FILL = """
WITH made AS (
    INSERT INTO accounts (id, email, password_hash, public_key, created_at)
    SELECT gen_random_uuid(), 'filled-' || n || '@example.org', %(password_hash)s, %(public_key)s,
        now()
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    RETURNING id
), agents AS (
    INSERT INTO agents (account_id, id, created_at, last_seen_at, notified_stamp, pulled_stamp)
    SELECT id, 'filler-0', now(), now(), 0, 0 FROM made
), sessions AS (
    INSERT INTO sessions (id, account_id, agent_id, counter, created_at, rotated_at, proved_at, amr,
        pending, tries)
    SELECT gen_random_uuid(), id, 'filler-0', 0, now(), now(), now(), 'pwd', false, 0 FROM made
), heads AS (
    INSERT INTO sync_heads (account_id, stamp, horizon, link, states, bytes, stored_bytes)
    SELECT id, 1, 0, sha256('filled'), 1, 64, 0 FROM made
)
INSERT INTO sync_states (account_id, type, entity_id, version, clock, encrypted_data, data_hash,
    digest, agent_id, stamp, deleted, kept)
SELECT id, 'settings', 'filled', '1', '{"filler-0": 1}', data, sha256(data::bytea),
    sha256('filled'), 'filler-0', 1, false, 0
FROM made, (SELECT repeat('x', 64) AS data) AS same
"""


def insert_accounts(connection: psycopg.Connection, values: dict[str, str], numbers: range) -> None:
    """Insert the accounts of these numbers, and update the planner's statistics."""
    for first in range(numbers.start, numbers.stop, AT_ONCE):
        last = min(first + AT_ONCE, numbers.stop) - 1
        connection.execute(FILL, values | {"first": first, "last": last})
    connection.execute("VACUUM ANALYZE accounts, agents, sessions, sync_heads, sync_states")


def log_in(
    platform: PlatformUnderTest, keys: Keys, size: int, exits: ExitStack
) -> Iterator[Client]:
    """Log in to some of the accounts, drawn at random; the same ones for the same size."""
    for number in random.Random(size).sample(range(1, size + 1), ACCOUNTS):  # noqa: S311 - a lot, no secret
        client = exits.enter_context(Client(platform.api_url, "bench", keys))
        client.login(f"filled-{number}@example.org", PASSWORD)
        yield client


def empty_pull(agent: Agent) -> bytes:
    """Return a pull that finds no state."""
    return head("GET", f"{PULL}?type=workflow", agent.headers) + b"\r\n"


def medians(platform: PlatformUnderTest, keys: Keys, size: int) -> dict[str, float]:
    """Return the median milliseconds of each request among so many accounts."""
    times: dict[str, list[float]] = {"no account": [], "push": [], "pull": [], "execute": []}
    with ExitStack() as exits:
        clients = list(log_in(platform, keys, size, exits))
        agents = [Agent(platform.api_url, client, 0) for client in clients]
        live = head("GET", "/health/live", {}) + b"\r\n"
        scripts = [
            (repeating(live), agent.pushing(), repeating(empty_pull(agent))) for agent in agents
        ]
        connections = [
            [exits.enter_context(HttpConnection(platform.api_url, script)) for script in three]
            for three in scripts
        ]
        for turn in range(ROUNDS + 1):
            for three in connections:
                for name, connection in zip(times, three, strict=False):
                    took = seconds(connection)
                    if turn:  # the first one warms up
                        times[name].append(1000 * took)
        executors = [Executor(client) for client in clients]
        runs = [executor.run() for _ in range(EXECUTIONS + 1) for executor in executors]
        times["execute"] = [1000 * took for took in runs[len(executors) :]]  # the first warms up
    return {name: statistics.median(run_platform) for name, run_platform in times.items()}


def main() -> None:
    """Insert accounts, measure, insert more, and print."""
    keys = Keys.fresh()
    with run_platform() as platform:
        values = {
            "password_hash": Passwords(Settings.from_env(platform.environ)).hash(PASSWORD),
            "public_key": json.dumps(keys.identity.as_dict(private=False)),
        }
        medians_by_size: dict[int, dict[str, float]] = {}
        with closing(psycopg.connect(platform.stack.database_url, autocommit=True)) as connection:
            for size in SIZES:
                first = 1 + max(medians_by_size, default=0)
                insert_accounts(connection, values, range(first, size + 1))
                medians_by_size[size] = medians(platform, keys, size)
    fewest = medians_by_size[SIZES[0]]
    for name in fewest:
        text = ", ".join(
            f"{size:,}: {times[name]:.2f} ms (x {times[name] / fewest[name]:.2f})"
            for size, times in medians_by_size.items()
        )
        print(f"{name}: {text}")
        for size, times in medians_by_size.items():
            over, aim = f"among {SIZES[0]:,}", None if name == "no account" else AIM
            record(
                name, times[name], "ms", over=over, baseline=fewest[name], at_most=aim, size=size
            )


if __name__ == "__main__":
    main()
