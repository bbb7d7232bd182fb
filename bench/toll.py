"""What each request costs every process: `python -m bench.toll`.

Processor time of web, the workers and the servers for a request of each kind, by four clients at once, until
all that follows is done; what the processes spend while nobody asks is measured first and taken off. The
baseline is what a request that does nothing costs the web process. Prints microseconds and ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import psycopg

from bench.auth import Person
from bench.begun import until
from bench.execute import Ours
from bench.fill import fill
from bench.kept import Kept, answers, head, repeating
from bench.pace import paced
from bench.platform import Measured, measured
from bench.results import record
from bench.sync import DATA, PULL, Agent
from bench.usage import Spent, members
from bin.devtools.stack.client import Client, Keys
from engine.contracts import timestamps

CLIENTS = 4
REQUESTS = paced(4000, 80)
LOGINS = paced(200, 4)
EXECUTIONS = paced(400, 4)
STATES = 500
SHARE_MIN = 0.005  # of the whole: what is less is noise
IDLE_SECONDS = paced(10.0, 1.0)
NOTHING = "a request that does nothing"
Case = tuple[str, int, Callable[[], object]]  # what, how often, and all of it


def asked(connections: Sequence[Kept]) -> Callable[[], object]:
    """Return what asks REQUESTS times."""
    return lambda: answers(connections, lambda done: done <= REQUESTS - len(connections))


def each(tasks: Sequence[Callable[[], object]], times: int) -> Callable[[], object]:
    """Return what does each task, its share of so many times, all at once."""

    def share(task: Callable[[], object]) -> None:
        for _ in range(times // len(tasks)):
            task()

    def all_at_once() -> None:
        with ThreadPoolExecutor(len(tasks)) as threads:
            list(threads.map(share, tasks))

    return all_at_once


def cases(platform: Measured, connection: psycopg.Connection) -> Iterator[Case]:
    """Yield what to measure: of accounts with some states, one a client."""
    url, newest = platform.api_url, time.time_ns() // 1000
    clients = [Client(url, "first", Keys.fresh()) for _ in range(CLIENTS)]
    for client in clients:
        account_id = client.register(f"{uuid4()}@example.org", "a long pass phrase")["user"]["id"]
        fill(connection, account_id, states=STATES, data_bytes=len(DATA), newest=newest)
    agents = [Agent(url, client, number) for number, client in enumerate(clients)]
    nothing = head("GET", "/health/live", {}) + b"\r\n"
    yield NOTHING, REQUESTS, asked([Kept(url, repeating(nothing)) for _ in agents])
    queries = {
        "a pull of nothing new": f"?since={timestamps.to_text(newest)}",
        "a pull of 100": "?limit=100",
    }
    for what, query in queries.items():
        pulls = [head("GET", f"{PULL}{query}", agent.headers) + b"\r\n" for agent in agents]
        yield what, REQUESTS, asked([Kept(url, repeating(pull)) for pull in pulls])
    yield "a push", REQUESTS, asked([Kept(url, agent.pushing()) for agent in agents])
    people = [Person(url) for _ in clients]
    yield "a refresh", REQUESTS, each([person.refresh for person in people], REQUESTS)
    yield "a login", LOGINS, each([person.login for person in people], LOGINS)
    yield "an execution", EXECUTIONS, each([Ours(client).run for client in clients], EXECUTIONS)


def compare(platform: Measured, connection: psycopg.Connection) -> None:
    """Measure each and print."""
    processes, bare, pending = members(platform), 0.0, "SELECT count(*) FROM outbox"
    for what, times, run in cases(platform, connection):
        idle = idling(Spent(processes))
        spent, began = Spent(processes), time.perf_counter()
        run()
        until(lambda: connection.execute(pending).fetchone() == (0,), "the outbox to be carried")
        lasted = time.perf_counter() - began
        took = {name: seconds - lasted * idle[name] for name, seconds in spent.seconds().items()}
        micros = {name: 1e6 * max(0.0, seconds) / times for name, seconds in took.items()}
        bare = bare or micros["web"]
        tell(what, micros, bare)


def idling(spent: Spent) -> dict[str, float]:
    """Return how much processor time each process takes in a second in which nobody asks."""
    time.sleep(IDLE_SECONDS)
    return {name: seconds / IDLE_SECONDS for name, seconds in spent.seconds().items()}


def tell(what: str, micros: Mapping[str, float], bare: float) -> None:
    """Print what one costs, and record it."""
    shares = ", ".join(f"{name} {figure:.0f}" for name, figure in micros.items() if figure >= 0.5)
    total = sum(micros.values())
    print(
        f"{what}: {total:.0f} µs, {total / bare:.1f} times {NOTHING} in web: {shares}", flush=True
    )
    record(f"{what}, all processes", total, "µs", over=NOTHING, baseline=bare)
    for name, figure in micros.items():
        if figure >= SHARE_MIN * total:
            record(f"{what}, {name}", figure, "µs", over=NOTHING, baseline=bare, detail=True)


def main() -> None:
    """Measure and print."""
    with measured() as platform:
        url = platform.stack.database_url
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            compare(platform, connection)


if __name__ == "__main__":
    main()
