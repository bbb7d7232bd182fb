"""Neighbours of an attacker: a few accounts that execute and read at a steady pace.

Requests begin at fixed times, whether the ones before have ended or not. So a stall of some seconds
delays every request that falls into it, and not one alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

import httpx2

from bench.attacks import clients
from bench.attacks.clients import AddressPool, RequestCounter
from bench.attacks.documents import ONE_STEP
from bin.devtools.stack.client import Client

ACCOUNTS = 6  # each may send 50 requests a minute to workflows
EXECUTIONS_PER_SECOND = 2.5
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

    executions: list[Sample]
    reads: list[Sample]


class Neighbours:
    """Accounts that take turns, so that each stays within its own limits."""

    def __init__(self, api_url: str) -> None:
        addresses, counter = AddressPool(), RequestCounter()
        self._accounts: list[tuple[Client, str]] = []
        for _ in range(ACCOUNTS):
            client = clients.make_client(api_url, "neighbour", addresses.draw(), counter.add)
            clients.register(client)
            workflow = client.create_workflow("one step", ONE_STEP)
            if workflow["diagnostics"]:
                raise AssertionError(workflow["diagnostics"])
            self._accounts.append((client, f"/api/workflows/{workflow['id']}/execute"))

    @property
    def email(self) -> str:
        """The email of the first account."""
        return self._accounts[0][0].email

    def warm_up(self, executions: int) -> None:
        """Execute some times, one after the other; the worker has its caches then.

        :raises AssertionError: when one of them does not complete.
        """
        for number in range(executions):
            if failure := self._execute(number):
                raise AssertionError(failure)

    def sample(self, seconds: float) -> Samples:
        """Send requests at the pace of neighbours for so long; return once all have ended."""
        with ThreadPoolExecutor(1) as beside:
            reads = beside.submit(send_steadily, self._read, READS_PER_SECOND, seconds)
            executions = send_steadily(self._execute, EXECUTIONS_PER_SECOND, seconds)
            return Samples(executions, reads.result())

    def _execute(self, number: int) -> str:
        """Execute one step; return what came instead of a completed execution."""
        client, path = self._accounts[number % ACCOUNTS]
        headers = {"Prefer": f"wait={WAIT_SECONDS}"}
        answer = client.http.post(path, json={"input": {"n": number}}, headers=headers)
        if answer.is_error:
            return str(answer.status_code)
        status = str(answer.json()["status"])
        return "" if status == "completed" else status

    def _read(self, number: int) -> str:
        """Read the account; return the status that came instead of 200."""
        client, _ = self._accounts[number % ACCOUNTS]
        status = client.http.get("/api/auth/me").status_code
        return "" if status == HTTPStatus.OK else str(status)


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
