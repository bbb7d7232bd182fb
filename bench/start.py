"""How soon a process is of use: `python -m bench.start`.

From the start of each process of the Procfile to the first thing that it does for somebody: web answers a
request, the Temporal worker ends an execution, the relay and the fan-out carry a change that waits for them,
channels reach a webhook. By turns with bare processes: one that has Flask, SQLAlchemy and Temporal's SDK
connected answers a request, and a worker as the SDK comes ends a workflow that does nothing. Prints medians
and their ratios.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from uuid import uuid4

import psycopg
from redis import Redis
from temporalio.client import Client as TemporalClient

from bench.begun import BARE, NOOP, answers, begin, until
from bench.channels import hook
from bench.execute import DOCUMENT
from bench.noop import TASK_QUEUE
from bench.pace import paced
from bench.platform import Measured, measured
from bench.results import record
from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.server import free_port
from tests.support.receivers import Box, receiving

ROUNDS = paced(7, 1)
AIM = 2.0
PENDING = "SELECT count(*) FROM outbox"


class Scene:
    """A platform, an account with a webhook, and what waits there for a process that is not running."""

    def __init__(self, platform: Measured, client: Client, box: Box) -> None:
        self.platform, self._client, self._box = platform, client, box
        self._database = psycopg.connect(platform.stack.database_url, autocommit=True)
        self._redis = Redis.from_url(platform.stack.redis_url)
        self._workflow, self._counter = client.create_workflow("one-step", DOCUMENT), count(1)

    def web(self) -> float:
        """Start another web process; return the seconds to its first answer."""
        return self._served("web", "", "/health/live")

    def bare(self) -> float:
        """Start the bare process; return the seconds to its first answer."""
        return self._served("bare", BARE, "/")

    def noop(self) -> float:
        """Start the bare worker; return the seconds to the end of its first workflow."""
        began, worker = time.perf_counter(), begin("noop", self.platform.environ, NOOP)
        try:
            asyncio.run(self._noop())
            return time.perf_counter() - began
        finally:
            worker.stop()

    def temporal(self) -> float:
        """Start the Temporal worker anew; return the seconds to the end of its first execution."""
        with self._anew("temporal") as began:
            answer = self._client.execute(self._workflow["id"], {"n": 21})
            while answer["status"] == "running":
                path, asked = f"/api/executions/{answer['executionId']}", {"Prefer": "wait=20"}
                answer = self._client.request("GET", path, headers=asked)
            return time.perf_counter() - began()

    def relay(self) -> float:
        """Start the relay anew, a change waiting; return the seconds until that is through."""
        self.platform.servers["relay"].stop()
        self._push()
        with self._anew("relay") as began:
            until(self._carried, "the change to be carried")
            return time.perf_counter() - began()

    def fanout(self) -> float:
        """Start the fan-out anew, a message waiting; return the seconds until that is through."""
        self.platform.servers["fanout"].stop()
        self._push()
        until(lambda: self._queued("fanout"), "the relay to send")
        with self._anew("fanout") as began:
            until(self._carried, "the message to be done")
            return time.perf_counter() - began()

    def channels(self) -> float:
        """Start the process of channels anew, a notice owed; return the seconds until the webhook has it."""
        self.platform.servers["channels"].stop()
        while not self._box.received.empty():
            self._box.received.get()
        self._push()
        until(lambda: self._queued("channels"), "the fan-out to send")
        with self._anew("channels") as began:
            self._box.next()
            return time.perf_counter() - began()

    @contextmanager
    def _anew(self, name: str) -> Iterator[Callable[[], float]]:
        """Start a process in the place of one; give the time when that began."""
        self.platform.servers[name].stop()
        began = time.perf_counter()
        self.platform.servers[name] = begin(name, self.platform.environ)
        yield lambda: began

    def _served(self, name: str, command: str, path: str) -> float:
        port = free_port()
        environ = self.platform.environ | {"PORT": str(port)}
        began, server = time.perf_counter(), begin(name, environ, command)
        try:
            until(lambda: answers(port, path), f"{name} to answer")
            return time.perf_counter() - began
        finally:
            server.stop()

    async def _noop(self) -> None:
        temporal = await TemporalClient.connect(self.platform.stack.temporal_address)
        await temporal.execute_workflow("noop", id=f"noop:{uuid4()}", task_queue=TASK_QUEUE)

    def _push(self) -> None:
        number = next(self._counter)
        self._client.push(f"{uuid4()}", number, version="1", clock={self._client.agent_id: number})

    def _carried(self) -> bool:
        return self._database.execute(PENDING).fetchone() == (0,)

    def _queued(self, queue: str) -> bool:
        return bool(self._redis.llen(f"cloudapi:{queue}"))


def compare(scene: Scene) -> None:
    """Measure by turns; print."""
    cases = {
        "bare": scene.bare,
        "web": scene.web,
        "noop": scene.noop,
        "temporal": scene.temporal,
        "relay": scene.relay,
        "fanout": scene.fanout,
        "channels": scene.channels,
    }
    rounds = [{name: case() for name, case in cases.items()} for _ in range(ROUNDS)]
    medians = {name: statistics.median(times[name] for times in rounds) for name in cases}
    for name in ("web", "temporal", "relay", "fanout", "channels"):
        side, named = (
            ("noop", "bare worker") if name == "temporal" else ("bare", "bare Flask process")
        )
        ours, baseline = medians[name], medians[side]
        print(
            f"{name}: of use after {ours:.2f} s, {named} {baseline:.2f} s, ratio {ours / baseline:.2f}"
        )
        record(f"{name}, until it is of use", ours, "s", over=named, baseline=baseline, at_most=AIM)


def main() -> None:
    """Measure on a platform whose other processes run."""
    with receiving() as receiver:
        os.environ["EGRESS_ALLOW"] = receiver.host
        with (
            measured() as platform,
            Client(platform.api_url, "laptop", Keys.fresh()) as laptop,
            Client(platform.api_url, "phone", laptop.keys) as phone,
        ):
            laptop.register(f"{uuid4()}@example.org", "a long pass phrase")
            phone.login(laptop.email, laptop.password)
            box = receiver.box()
            hook(phone, box)
            compare(Scene(platform, laptop, box))


if __name__ == "__main__":
    main()
