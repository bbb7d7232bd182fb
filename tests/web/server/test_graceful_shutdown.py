"""A web process that stops answers every request that it has accepted."""

import signal
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from bin.devtools.stack.client import Client
from tests.support.platform import Platform, beside
from tests.support.waiting import until

pytestmark = pytest.mark.platform


EXIT_SECONDS_MAX = 25
LONG = """
document: {dsl: '1.0.3', namespace: tests, name: long, version: '1.0.0'}
do:
  - nap: {wait: {seconds: 60}}
"""


def told(other: Platform) -> None:
    other.servers["web"].process.send_signal(signal.SIGTERM)


def status(other: Platform) -> int:
    return other.servers["web"].process.wait(EXIT_SECONDS_MAX)


def test_who_waits_for_an_execution_is_answered_that_it_runs(
    laptop: Client, platform: Platform
) -> None:
    workflow = laptop.create_workflow("long", LONG)
    with beside(platform) as other, Client(other.api_url, "laptop", laptop.keys) as client:
        client.http.headers["Authorization"] = laptop.http.headers["Authorization"]
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(client.execute, workflow["id"], wait=25)
            running = f"/api/workflows/{workflow['id']}/executions"
            until(lambda: laptop.request("GET", running)["executions"])
            told(other)
            assert answer.result()["status"] == "running"
        assert status(other) == 0
    laptop.http.post(
        f"/api/executions/{answer.result()['executionId']}/terminate"
    ).raise_for_status()


def test_an_idle_connection_may_ask_once_more_and_hears_that_it_closes(platform: Platform) -> None:
    with beside(platform) as other, httpx2.Client(base_url=other.api_url) as client:
        assert "connection" not in client.get("/health/live").headers
        told(other)
        until(lambda: "Shutting down" in other.servers["web"].tail())
        assert client.get("/health/live").headers["connection"] == "close"
        with pytest.raises(httpx2.ConnectError):
            client.get("/health/live")
        assert status(other) == 0


def test_a_stream_ends_in_order(laptop: Client, platform: Platform) -> None:
    with beside(platform) as other, Client(other.api_url, "laptop", laptop.keys) as client:
        client.http.headers["Authorization"] = laptop.http.headers["Authorization"]
        with client.http.stream("GET", "/api/sync/events") as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry: ")
            told(other)
            assert not [line for line in lines if line], (
                "httpx2 complains of a body that breaks off"
            )
        assert status(other) == 0
