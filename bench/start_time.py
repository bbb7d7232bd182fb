"""How soon a process is of use: `python -m bench.start_time`.

Measures from the start of each process of the Procfile to the first work that it does for a user.
Web answers a request, the Temporal worker ends an execution, the relay and the fan-out deliver a
change that waits for them, and channels reaches a webhook. By turns with bare processes. One with
Flask, SQLAlchemy and Temporal's SDK connected answers a request; a worker of the bare SDK ends a
workflow that does nothing. Prints medians and their ratios.
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

from bench.baseline_workflow import TASK_QUEUE
from bench.channels import hook
from bench.execute import DOCUMENT
from bench.platform import PlatformUnderTest, run_platform
from bench.processes import BARE, NOOP, answers, begin, until
from bench.quick_mode import full_or_quick
from bench.results import record
from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.server import free_port
from tests.support.receivers import Box, receiving

ROUNDS = full_or_quick(7, 1)
AIM = 2.0
PENDING = "SELECT count(*) FROM outbox"


class Scene:
    """Platform, an account with a webhook, and work that waits for a process that does not run."""

    def __init__(self, platform: PlatformUnderTest, client: Client, box: Box) -> None:
        self.platform, self._client, self._box = platform, client, box
        self._database = psycopg.connect(platform.stack.database_url, autocommit=True)
        self._redis = Redis.from_url(platform.stack.redis_url)
        self._workflow, self._counter = client.create_workflow("one-step", DOCUMENT), count(1)

    def web(self) -> float:
        """Start another web process; return the seconds to its first answer."""
        return self._first_answer("web", "", "/health/live")

    def bare(self) -> float:
        """Start the bare process; return the seconds to its first answer."""
        return self._first_answer("bare", BARE, "/")

    def noop(self) -> float:
        """Start the bare worker; return the seconds to the end of its first workflow."""
        began, worker = time.perf_counter(), begin("noop", self.platform.environ, NOOP)
        try:
            asyncio.run(self._noop())
            return time.perf_counter() - began
        finally:
            worker.stop()

    def temporal(self) -> float:
        """Restart the Temporal worker; return the seconds to the end of its first execution."""
        with self._restart("temporal") as began:
            answer = self._client.execute(self._workflow["id"], {"n": 21})
            while answer["status"] == "running":
                path, headers = f"/api/executions/{answer['executionId']}", {"Prefer": "wait=20"}
                answer = self._client.request("GET", path, headers=headers)
            return time.perf_counter() - began()

    def relay(self) -> float:
        """Restart the relay while a change waits; return the seconds until it is delivered."""
        self.platform.servers["relay"].stop()
        self._push()
        with self._restart("relay") as began:
            until(self._outbox_is_empty, "the relay to deliver the change")
            return time.perf_counter() - began()

    def fanout(self) -> float:
        """Restart the fan-out while a message waits; return the seconds until it is done."""
        self.platform.servers["fanout"].stop()
        self._push()
        until(lambda: self._has_message("fanout"), "the relay to send")
        with self._restart("fanout") as began:
            until(self._outbox_is_empty, "the message to be done")
            return time.perf_counter() - began()

    def channels(self) -> float:
        """Restart channels while a notification waits; return the seconds to the webhook."""
        self.platform.servers["channels"].stop()
        while not self._box.deliveries.empty():
            self._box.deliveries.get()
        self._push()
        until(lambda: self._has_message("channels"), "the fan-out to send")
        with self._restart("channels") as began:
            self._box.next()
            return time.perf_counter() - began()

    @contextmanager
    def _restart(self, name: str) -> Iterator[Callable[[], float]]:
        """Restart a process; yield a function that returns the time of its start."""
        self.platform.servers[name].stop()
        began = time.perf_counter()
        self.platform.servers[name] = begin(name, self.platform.environ)
        yield lambda: began

    def _first_answer(self, name: str, command: str, path: str) -> float:
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

    def _outbox_is_empty(self) -> bool:
        return self._database.execute(PENDING).fetchone() == (0,)

    def _has_message(self, queue: str) -> bool:
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
        side, baseline_name = (
            ("noop", "bare worker") if name == "temporal" else ("bare", "bare Flask process")
        )
        ours, baseline = medians[name], medians[side]
        print(
            f"{name}: of use after {ours:.2f} s, {baseline_name} {baseline:.2f} s, "
            f"ratio {ours / baseline:.2f}"
        )
        record(
            f"{name}, until it is of use",
            ours,
            "s",
            over=baseline_name,
            baseline=baseline,
            at_most=AIM,
        )


def main() -> None:
    """Measure on a platform whose other processes run."""
    with receiving() as receiver:
        os.environ["EGRESS_ALLOW"] = receiver.host
        with (
            run_platform() as platform,
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
