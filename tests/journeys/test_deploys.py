"""A deploy ends the processes under load: no request fails, and nothing is lost."""

import dataclasses
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import psycopg
import pytest

from bin.devtools.stack.client import Client
from bin.devtools.stack.platform import process
from bin.devtools.stack.server import Server, free_port, stop_all
from tests.support.journeys.balancer import Balancer, balancing
from tests.support.journeys.executions import HEAD
from tests.support.journeys.fragile import Fragile
from tests.support.journeys.load import Load, check, under_load
from tests.support.waiting import until

pytestmark = pytest.mark.journey


EXIT_SECONDS_MAX = 25  # hosts kill after 30
PAUSE_SECONDS = 0.2  # of each client: the load is steady, and leaves the machine some breath
BETWEEN = 10  # pushes from one deploy to the next
WORKERS = ("temporal", "relay", "fanout", "channels")


class Executing:
    """One agent that goes on executing a workflow."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.workflow_id = client.create_workflow(
            "steady", HEAD + "do:\n  - a: {set: {a: '${ . }'}}\n"
        )["id"]
        self.execution_ids: list[str] = []
        self.failures: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        """Execute until it is over."""
        body = {"input": self.client.seal(b"1")}
        while not self.stop.is_set():
            try:
                path = f"/api/workflows/{self.workflow_id}/execute"
                answer = self.client.http.post(path, json=body, headers={"Prefer": "wait=2"})
            except httpx2.TransportError as fault:
                self.failures.append(type(fault).__name__)
                continue
            if answer.is_success:
                self.execution_ids.append(answer.json()["executionId"])
            else:
                self.failures.append(answer.text)
            self.stop.wait(PAUSE_SECONDS)


@dataclasses.dataclass(slots=True)
class Deployment:
    """Two web processes behind a balancer, and all others once, under load."""

    fragile: Fragile
    balancer: Balancer
    webs: dict[int, Server]
    load: Load
    executing: Executing

    def go_on(self) -> None:
        """Return when there was load for a while."""
        executions = len(self.executing.execution_ids)
        self.load.reach(len(self.load.acknowledged_ids()) + BETWEEN)
        until(lambda: len(self.executing.execution_ids) > executions + 2)

    def replace_web(self, port: int) -> None:
        """Let one web process end and start its successor."""
        end(self.webs[port])
        self.webs[port] = web(self.fragile, port)

    def settle(self) -> None:
        """Compare all that was begun with what became of it.

        :raises AssertionError: when a request failed, or anything is missing.
        """
        self.executing.stop.set()
        self.load.enough()
        check(self.load)
        assert self.executing.failures == []
        assert self.load.failures() == 0
        assert self.balancer.connection_errors() == []
        assert self.executing.execution_ids
        until(lambda: completed_ids(self.fragile) >= set(self.executing.execution_ids))


def web(fragile: Fragile, port: int) -> Server:
    return process("web", fragile.platform.environ | {"PORT": str(port)}, fragile.platform.logs)


def completed_ids(fragile: Fragile) -> set[str]:
    with psycopg.connect(fragile.stack.database_url) as connection:
        rows = connection.execute("SELECT id FROM executions WHERE status = 'completed'").fetchall()
    return {str(row[0]) for row in rows}


def end(server: Server) -> None:
    """Tell a process to end, and have it do so in time and in order."""
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(EXIT_SECONDS_MAX) == 0, server.tail()


@contextmanager
def deployment_under_load(fragile: Fragile, *, keep_alive: bool) -> Iterator[Deployment]:
    """Run a second web process, the balancer and the load."""
    first, second = int(fragile.platform.environ["PORT"]), free_port()
    webs = {first: fragile.parts["web"], second: web(fragile, second)}
    try:
        home = fragile.platform.logs.parent / "nginx"
        with balancing(home, list(webs), keep_alive=keep_alive) as balancer:
            platform = dataclasses.replace(fragile.platform, api_url=balancer.url)
            with under_load(platform, 1_000_000, pause=PAUSE_SECONDS) as load:
                executing = Executing(load.laptop)
                thread = threading.Thread(target=executing.run, daemon=True)
                thread.start()
                try:
                    yield Deployment(fragile, balancer, webs, load, executing)
                finally:
                    executing.stop.set()
                    thread.join()
    finally:
        fragile.parts["web"] = webs.pop(first)
        stop_all(list(webs.values()))


@pytest.mark.parametrize("keep_alive", [True, False], ids=["kept connections", "new connections"])
def test_web_processes_replaced_in_turn_under_load_fail_nobody(
    fragile: Fragile, *, keep_alive: bool
) -> None:
    with deployment_under_load(fragile, keep_alive=keep_alive) as deployment:
        for port in list(deployment.webs):
            deployment.go_on()
            deployment.replace_web(port)
        deployment.go_on()
        deployment.settle()


def test_workers_replaced_in_turn_under_load_lose_nothing(fragile: Fragile) -> None:
    with deployment_under_load(fragile, keep_alive=True) as deployment:
        for name in WORKERS:
            deployment.go_on()
            end(fragile.parts[name])
            fragile.revive(name)
        deployment.go_on()
        deployment.settle()
