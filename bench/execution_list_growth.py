"""What a list of executions costs as an account grows: `python -m bench.execution_list_growth`.

Reads one page of 50 executions over HTTP, of accounts of 1 k and 100 k executions. The page is of
all executions, of a status that one in a hundred has, of one workflow among ten, or behind the
middle. All by turns on one connection each. Prints the medians in milliseconds, and their ratios to
the smaller account's.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg

from bench.connections import HttpConnection, Script, head
from bench.platform import PlatformUnderTest, run_platform
from bench.pull_growth import seconds
from bench.quick_mode import full_or_quick
from bench.results import record
from bin.devtools.stack.client import Client, Keys
from engine.workflows.executions.queries import ExecutionCursor

SIZES = full_or_quick((1_000, 100_000), (1_000, 2_000))
LIMIT = 50
ROUNDS = full_or_quick(101, 5)
AIM = 2.0
FILL = """
WITH workflows AS (
    INSERT INTO definitions (id, account_id, name, encrypted_data, encryption_key, status, version,
        diagnostics, created_at, updated_at)
    SELECT gen_random_uuid(), %(account_id)s, 'filled', '-', '-', 'completed', 1, '[]', %(newest)s,
        %(newest)s
    FROM generate_series(1, 10)
    RETURNING id
), numbered AS (SELECT id, row_number() OVER () - 1 AS number FROM workflows),
runs AS (
    INSERT INTO executions (id, account_id, definition_id, definition_version, status, input_sealed,
        seal_result, created_at, ended_at)
    SELECT gen_random_uuid(), %(account_id)s, numbered.id, 1,
        CASE WHEN n %% 100 = 7 THEN 'failed' ELSE 'completed' END, '-', false,
        %(newest)s - n * interval '1 second', %(newest)s
    FROM generate_series(1, %(size)s) AS n JOIN numbered ON numbered.number = n %% 10
)
SELECT id FROM numbered LIMIT 1
"""


def same_page(path: str, headers: dict[str, str]) -> Script:
    """Request the same page again and again."""
    while True:
        answer = yield head("GET", path, headers) + b"\r\n"
        if answer.count(b'"executionId"') < 10:
            raise AssertionError(answer)


def pages(platform: PlatformUnderTest, size: int) -> Iterator[tuple[str, HttpConnection]]:
    """Make an account of this size; yield a connection for each of its pages, by name."""
    with Client(platform.api_url, "filler", Keys.fresh()) as client:
        account_id = client.register(f"{uuid4()}@example.org", "a long pass phrase")["user"]["id"]
        headers = {
            "Authorization": client.http.headers["Authorization"],
            "X-Agent-ID": client.agent_id,
        }
    newest = datetime(2026, 1, 1, tzinfo=UTC)
    with psycopg.connect(platform.stack.database_url) as connection:
        values = {"account_id": account_id, "size": size, "newest": newest}
        (workflow_id,) = connection.execute(FILL, values).fetchone() or ("",)
        middle = """
            SELECT created_at FROM executions
            WHERE account_id = %s ORDER BY created_at OFFSET %s LIMIT 1
        """
        (created_at,) = connection.execute(middle, [account_id, size // 2]).fetchone() or (newest,)
    yield (
        "all",
        HttpConnection(platform.api_url, same_page(f"/api/executions?limit={LIMIT}", headers)),
    )
    for name, query in {
        "one in a hundred": "status=failed",
        "of a workflow": f"workflowId={workflow_id}",
        "behind the middle": f"cursor={ExecutionCursor(created_at, UUID(int=0))}",
    }.items():
        yield (
            name,
            HttpConnection(
                platform.api_url, same_page(f"/api/executions?limit={LIMIT}&{query}", headers)
            ),
        )


def main() -> None:
    """Fill, measure by turns, and print."""
    with run_platform() as platform:
        accounts = [dict(pages(platform, size)) for size in SIZES]
        with closing(psycopg.connect(platform.stack.database_url, autocommit=True)) as connection:
            connection.execute("VACUUM ANALYZE executions")
        for name in accounts[0]:
            connections = [account[name] for account in accounts]
            rounds = [[seconds(page) for page in connections] for _ in range(ROUNDS)]
            few, many = (1000 * statistics.median(side) for side in zip(*rounds, strict=True))
            print(
                f"{name}: {SIZES[0]:,}: {few:.1f} ms, {SIZES[1]:,}: {many:.1f} ms, "
                f"ratio {many / few:.2f}"
            )
            for size, median in zip(SIZES, (few, many), strict=True):
                over = f"{SIZES[0]:,} executions"
                record(name, median, "ms", over=over, baseline=few, at_most=AIM, size=size)


if __name__ == "__main__":
    main()
