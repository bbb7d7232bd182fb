"""Neighbours of an attacker: a few accounts that execute, call and read at a steady pace.

Requests begin at fixed times, whether the ones before have ended or not. So a stall of some seconds
delays every request that falls into it, and not one alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import httpx2

from bench.attacks import clients, documents, peers
from bench.attacks.clients import AddressPool, RequestCounter
from bin.devtools.stack.client import Client

ACCOUNTS = 8  # each may send 50 requests a minute to workflows
EXECUTIONS_PER_SECOND = 2.5
CALLS_PER_SECOND = 2.5
READS_PER_SECOND = 4.0
WAIT_SECONDS = 25  # the longest that web waits for an execution
FAILURE_SECONDS = 25.0  # that a request without its answer counts as, at least


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: the seconds until its answer, and what came instead of the right one."""

    seconds: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Samples:
    """Requests of the neighbours during one period."""

    executions: list[Sample]  # of one step that sets a value
    calls: list[Sample]  # executions of one step that calls a server
    reads: list[Sample]  # of the account

    def __iter__(self) -> Iterator[Sample]:
        """Yield all of them."""
        yield from (*self.executions, *self.calls, *self.reads)

    @property
    def failures(self) -> Counter[str]:
        """What came instead of completed executions and of accounts."""
        return Counter(sample.failure for sample in self if sample.failure)


class Neighbours:
    """Accounts that take turns, so that each stays within its own limits.

    :param port: of a server on this machine, which the accounts' definitions call.
    """

    def __init__(self, api_url: str, port: int) -> None:
        addresses, counter = AddressPool(), RequestCounter()
        self._clients: list[Client] = []
        self._steps: list[str] = []
        self._calls: list[str] = []
        for _ in range(ACCOUNTS):
            client = clients.make_client(api_url, "neighbour", addresses.draw(), counter.add)
            clients.register(client)
            self._clients.append(client)
            self._steps.append(_create_workflow(client, documents.ONE_STEP))
            self._calls.append(_create_workflow(client, documents.call(documents.get(port))))

    @property
    def email(self) -> str:
        """The email of the first account."""
        return self._clients[0].email

    def warm_up(self, executions: int) -> None:
        """Execute some times, one after the other; the worker has its caches then.

        :raises AssertionError: when one of them does not complete.
        """
        for number in range(executions):
            if failure := self._execute(number) or self._call(number):
                raise AssertionError(failure)

    def sample(self, seconds: float) -> Samples:
        """Send requests at the pace of neighbours for so long; return once all have ended."""
        with ThreadPoolExecutor(2) as beside:
            calls = beside.submit(send_steadily, self._call, CALLS_PER_SECOND, seconds)
            reads = beside.submit(send_steadily, self._read, READS_PER_SECOND, seconds)
            executions = send_steadily(self._execute, EXECUTIONS_PER_SECOND, seconds)
            return Samples(executions, calls.result(), reads.result())

    def _execute(self, number: int) -> str:
        """Execute one step; return what came instead of a completed execution."""
        place = number % ACCOUNTS
        return _execute(self._clients[place], self._steps[place], number)

    def _call(self, number: int) -> str:
        """Execute one call; return what came instead of a completed execution."""
        place = number % ACCOUNTS
        return _execute(self._clients[place], self._calls[place], number)

    def _read(self, number: int) -> str:
        """Read the account; return the status that came instead of 200."""
        status = self._clients[number % ACCOUNTS].http.get("/api/auth/me").status_code
        return "" if status == HTTPStatus.OK else str(status)


@contextmanager
def run_neighbours(api_url: str) -> Iterator[Neighbours]:
    """Register neighbours, and run the server that they call."""
    with peers.peer(peers.answer(b"{}")) as port:
        yield Neighbours(api_url, port)


def _create_workflow(client: Client, document: str) -> str:
    """Create a workflow and return the path that executes it."""
    workflow = client.create_workflow("neighbour", document)
    if workflow["diagnostics"]:
        raise AssertionError(workflow["diagnostics"])
    return f"/api/workflows/{workflow['id']}/execute"


def _execute(client: Client, path: str, number: int) -> str:
    headers = {"Prefer": f"wait={WAIT_SECONDS}"}
    answer = client.http.post(path, json={"input": {"n": number}}, headers=headers)
    if answer.is_error:
        return str(answer.status_code)
    status = str(answer.json()["status"])
    return "" if status == "completed" else status


def send_steadily(send: Callable[[int], str], pace: float, seconds: float) -> list[Sample]:
    """Call `send` at a pace, each time in a thread of its own; return all samples."""
    count, began = round(pace * seconds), time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        futures = []
        for number in range(count):
            due = began + number / pace
            time.sleep(max(0.0, due - time.monotonic()))
            futures.append(pool.submit(_take, send, number))
        return [future.result() for future in futures]


def _take(send: Callable[[int], str], number: int) -> Sample:
    began = time.monotonic()
    try:
        failure = send(number)
    except httpx2.TransportError as error:
        failure = type(error).__name__
    seconds = time.monotonic() - began
    return Sample(max(seconds, FAILURE_SECONDS) if failure else seconds, failure)
