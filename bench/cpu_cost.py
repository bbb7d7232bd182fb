"""What each request costs every process: `python -m bench.cpu_cost`.

Measures the processor time of web, the workers and the servers for a request of each kind, sent by
four clients at once, until the platform has done all that follows. The time that the processes take
while no request comes is measured first and subtracted. The baseline is the time that a request
that does nothing takes in web. Prints microseconds and ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import psycopg

from bench.auth import Person
from bench.connections import HttpConnection, answers, head, repeating
from bench.execute import Executor
from bench.platform import PlatformUnderTest, run_platform
from bench.process_usage import CpuMeter, members
from bench.processes import until
from bench.quick_mode import full_or_quick
from bench.results import record
from bench.states import insert_states
from bench.sync import DATA, PULL, Agent
from bin.devtools.stack.client import Client, Keys
from engine.contracts import timestamps

CLIENTS = 4
REQUESTS = full_or_quick(4000, 80)
LOGINS = full_or_quick(200, 4)
EXECUTIONS = full_or_quick(400, 4)
STATES = 500
SHARE_MIN = 0.005  # of the whole: smaller shares are noise
IDLE_SECONDS = full_or_quick(10.0, 1.0)
NOTHING = "a request that does nothing"
Case = tuple[str, int, Callable[[], object]]  # what, how often, and the function that does it all


def make_requests(connections: Sequence[HttpConnection]) -> Callable[[], object]:
    """Return a function that sends REQUESTS requests."""
    return lambda: answers(connections, lambda count: count <= REQUESTS - len(connections))


def each(tasks: Sequence[Callable[[], object]], times: int) -> Callable[[], object]:
    """Return a function that repeats all tasks at once, each its share of so many times."""

    def share(task: Callable[[], object]) -> None:
        for _ in range(times // len(tasks)):
            task()

    def all_at_once() -> None:
        with ThreadPoolExecutor(len(tasks)) as threads:
            list(threads.map(share, tasks))

    return all_at_once


def cases(platform: PlatformUnderTest, connection: psycopg.Connection) -> Iterator[Case]:
    """Yield the cases to measure, with one account of some states for each client."""
    url, newest = platform.api_url, time.time_ns() // 1000
    clients = [Client(url, "first", Keys.fresh()) for _ in range(CLIENTS)]
    for client in clients:
        account_id = client.register(f"{uuid4()}@example.org", "a long pass phrase")["user"]["id"]
        insert_states(connection, account_id, states=STATES, data_bytes=len(DATA), newest=newest)
    agents = [Agent(url, client, number) for number, client in enumerate(clients)]
    nothing = head("GET", "/health/live", {}) + b"\r\n"
    yield (
        NOTHING,
        REQUESTS,
        make_requests([HttpConnection(url, repeating(nothing)) for _ in agents]),
    )
    queries = {
        "a pull of nothing new": f"?since={timestamps.to_text(newest)}",
        "a pull of 100": "?limit=100",
    }
    for what, query in queries.items():
        pulls = [head("GET", f"{PULL}{query}", agent.headers) + b"\r\n" for agent in agents]
        yield (
            what,
            REQUESTS,
            make_requests([HttpConnection(url, repeating(pull)) for pull in pulls]),
        )
    yield (
        "a push",
        REQUESTS,
        make_requests([HttpConnection(url, agent.pushing()) for agent in agents]),
    )
    people = [Person(url) for _ in clients]
    yield "a refresh", REQUESTS, each([person.refresh for person in people], REQUESTS)
    yield "a login", LOGINS, each([person.login for person in people], LOGINS)
    yield "an execution", EXECUTIONS, each([Executor(client).run for client in clients], EXECUTIONS)


def compare(platform: PlatformUnderTest, connection: psycopg.Connection) -> None:
    """Measure each and print."""
    processes, bare, pending = members(platform), 0.0, "SELECT count(*) FROM outbox"
    for what, times, run in cases(platform, connection):
        idle = idle_usage(CpuMeter(processes))
        meter, began = CpuMeter(processes), time.perf_counter()
        run()
        until(lambda: connection.execute(pending).fetchone() == (0,), "the outbox to be empty")
        duration = time.perf_counter() - began
        took = {name: seconds - duration * idle[name] for name, seconds in meter.seconds().items()}
        micros = {name: 1e6 * max(0.0, seconds) / times for name, seconds in took.items()}
        bare = bare or micros["web"]
        report(what, micros, bare)


def idle_usage(meter: CpuMeter) -> dict[str, float]:
    """Return the processor seconds of each process in a second without requests."""
    time.sleep(IDLE_SECONDS)
    return {name: seconds / IDLE_SECONDS for name, seconds in meter.seconds().items()}


def report(what: str, micros: Mapping[str, float], bare: float) -> None:
    """Print and record the cost of one case."""
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
    with run_platform() as platform:
        url = platform.stack.database_url
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            compare(platform, connection)


if __name__ == "__main__":
    main()
