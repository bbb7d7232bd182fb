"""What a page of a pull costs as an account grows: `python -m bench.pull_growth`.

Pulls one page of 100 states over HTTP, at the start, in the middle and at the end of accounts of 10
k, 100 k and 1 M states. The page is of all states, of one type, or without the agent's own. All by
turns on one connection each. Prints the medians in milliseconds, and their ratios to the smallest
account's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import psycopg

from bench.connections import HttpConnection, Script, head
from bench.platform import PlatformUnderTest, run_platform
from bench.quick_mode import full_or_quick
from bench.results import record
from bench.states import insert_states
from bin.devtools.stack.client import Client, Keys
from engine.contracts import timestamps

SIZES = full_or_quick((10_000, 100_000, 1_000_000), (1_000, 2_000, 4_000))
DATA_BYTES = 64
LIMIT = 100
ROUNDS = full_or_quick(101, 5)
AIM = 1.5
FILTERS = {"all": "", "one type": "&type=settings", "without its own": "&excludeSelf=true"}


def same_page(path: str, headers: dict[str, str]) -> Script:
    """Request the same page again and again."""
    while True:
        answer = yield head("GET", path, headers) + b"\r\n"
        if b'"updatedAt"' not in answer:
            raise AssertionError("the page is empty")


def pages(platform: PlatformUnderTest, size: int) -> Iterator[tuple[str, HttpConnection]]:
    """Make an account of this size; yield a connection for each of its pages, by name."""
    with Client(platform.api_url, "filler-0", Keys.fresh()) as client:
        account_id = client.register(f"{uuid4()}@example.org", "a long pass phrase")["user"]["id"]
        headers = {
            "Authorization": client.http.headers["Authorization"],
            "X-Agent-ID": client.agent_id,
        }
    newest = time.time_ns() // 1000
    with psycopg.connect(platform.stack.database_url) as connection:
        insert_states(connection, account_id, states=size, data_bytes=DATA_BYTES, newest=newest)
    places = {"start": size, "middle": size // 2, "end": 3 * LIMIT}
    for place, remaining in places.items():
        for name, query in FILTERS.items():
            since = timestamps.to_text(newest - remaining)
            path = f"/api/sync/pull?limit={LIMIT}&since={since}{query}"
            yield f"{name}, {place}", HttpConnection(platform.api_url, same_page(path, headers))


def seconds(page: HttpConnection) -> float:
    """Pull a page once; return the seconds it took."""
    began = time.perf_counter()
    page.once()
    return time.perf_counter() - began


def main() -> None:
    """Fill, measure by turns, and print."""
    with run_platform() as platform:
        accounts = [dict(pages(platform, size)) for size in SIZES]
        url = platform.stack.database_url
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            connection.execute("VACUUM ANALYZE sync_states")
        for name in accounts[0]:
            connections = [account[name] for account in accounts]
            rounds = [[seconds(page) for page in connections] for _ in range(ROUNDS)]
            medians = [statistics.median(side) for side in zip(*rounds, strict=True)]
            text = ", ".join(
                f"{size:,}: {1000 * median:.1f} ms (x {median / medians[0]:.2f})"
                for size, median in zip(SIZES, medians, strict=True)
            )
            print(f"a page of {LIMIT}, {name}: {text}", flush=True)
            for size, median in zip(SIZES, medians, strict=True):
                of_fewest, over = 1000 * medians[0], f"{SIZES[0]:,} states"
                record(
                    name, 1000 * median, "ms", over=over, baseline=of_fewest, at_most=AIM, size=size
                )


if __name__ == "__main__":
    main()
