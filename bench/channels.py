"""How soon a webhook is told, beside a live stream: `python -m bench.channels`.

From the push to the event on a stream, and to the webhook's arrival, of the same push; then the same while
an account of its own keeps many endpoints busy that take seconds to answer. Prints medians and ratios.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import Queue
from uuid import uuid4

import httpx2

from bench.pace import paced
from bench.platform import measured
from bench.results import record
from bin.devtools.stack.client import Client, Keys
from engine.notifications.deliveries import SPACING
from tests.support.receivers import Box, Received, Receiver, Reply, receiving

ROUNDS = paced(25, 2)
SLOW = paced(40, 2)
SLOW_SECONDS = paced(8.0, 1.0)


def hook(client: Client, box: Box) -> None:
    """Register a webhook."""
    client.request("POST", "/api/channels", json={"kind": "webhook", "url": box.url})


def push(client: Client, number: int) -> None:
    """Push something new."""
    client.push(f"{uuid4()}", number, version="1", clock={client.agent_id: number})


def follow(client: Client) -> Queue[float]:
    """Return when each event came, once the stream is open."""
    came, opened = Queue[float](), threading.Event()

    def listen() -> None:
        with contextlib.suppress(httpx2.TransportError):  # when all has been measured
            for event in client.events():
                if event.event == "open":
                    opened.set()
                elif event.event == "message" and event.data:
                    came.put(time.perf_counter())

    threading.Thread(target=listen, daemon=True).start()
    opened.wait()
    return came


def rounds(
    laptop: Client, streamed: Queue[float], box: Box, first: int
) -> tuple[list[float], list[float]]:
    """Push ROUNDS times; return the seconds to the stream and to the webhook."""
    arrived = Queue[float]()

    def answer(_received: Received) -> Reply:
        arrived.put(time.perf_counter())
        return 204, {}

    box.answer = answer
    by_stream, by_webhook = [], []
    for number in range(first, first + ROUNDS):
        time.sleep(1.2 * SPACING.total_seconds())  # what comes sooner is told together
        began = time.perf_counter()
        push(laptop, number)
        by_stream.append(streamed.get(timeout=30) - began)
        by_webhook.append(arrived.get(timeout=30) - began)
    return by_stream, by_webhook


@contextmanager
def kept_busy(api_url: str, receiver: Receiver) -> Iterator[None]:
    """Keep SLOW endpoints of another account answering slowly, again and again."""

    def slow(_received: Received) -> Reply:
        time.sleep(SLOW_SECONDS)
        return 204, {}

    stopped, keys = threading.Event(), Keys.fresh()
    with ExitStack() as exits:
        pusher = exits.enter_context(Client(api_url, "pusher", keys))
        pusher.register(f"{uuid4()}@example.org", "a long pass phrase")
        for number in range(SLOW):
            agent = exits.enter_context(Client(api_url, f"slow-{number}", keys))
            agent.login(pusher.email, pusher.password)
            box = receiver.box()
            box.answer = slow
            hook(agent, box)

        def pushing() -> None:
            number = 0
            while not stopped.wait(1):
                number += 1
                push(pusher, number)

        thread = threading.Thread(target=pushing)
        thread.start()
        time.sleep(SPACING.total_seconds() * 3)
        yield
        stopped.set()
        thread.join()


def tell(name: str, by_stream: list[float], by_webhook: list[float]) -> None:
    """Print two medians and their ratio."""
    stream, webhook = statistics.median(by_stream), statistics.median(by_webhook)
    print(
        f"{name}: live stream {1000 * stream:.0f} ms, webhook {1000 * webhook:.0f} ms, "
        f"ratio of the medians of {ROUNDS}: {webhook / stream:.2f}"
    )
    record(f"webhook, {name}", 1000 * webhook, "ms", over="live stream", baseline=1000 * stream)


def main() -> None:
    """Measure and print."""
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
            streamed = follow(phone)
            tell("alone", *rounds(laptop, streamed, box, 1))
            with kept_busy(platform.api_url, receiver):
                tell(f"beside {SLOW} slow endpoints", *rounds(laptop, streamed, box, 1 + ROUNDS))


if __name__ == "__main__":
    main()
