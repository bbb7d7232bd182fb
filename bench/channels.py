"""How soon a webhook is notified, beside a live stream: `python -m bench.channels`.

Measures each push until its event reaches a stream, and until it reaches the webhook. Then the same
while another account has many endpoints that take seconds to answer. Prints medians and ratios.
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

from bench.platform import run_platform
from bench.quick_mode import full_or_quick
from bench.results import record
from bin.devtools.stack.client import Client, Keys
from engine.notifications.deliveries import SPACING
from tests.support.receivers import Box, Delivery, Receiver, Reply, receiving

ROUNDS = full_or_quick(25, 2)
SLOW = full_or_quick(40, 2)
SLOW_SECONDS = full_or_quick(8.0, 1.0)


def hook(client: Client, box: Box) -> None:
    """Register a webhook."""
    client.request("POST", "/api/channels", json={"kind": "webhook", "url": box.url})


def push(client: Client, number: int) -> None:
    """Push something new."""
    client.push(f"{uuid4()}", number, version="1", clock={client.agent_id: number})


def follow(client: Client) -> Queue[float]:
    """Return a queue of the times at which events came, once the stream is open."""
    came, is_open = Queue[float](), threading.Event()

    def listen() -> None:
        with contextlib.suppress(httpx2.TransportError):  # the client is closed at the end
            for event in client.events():
                if event.event == "open":
                    is_open.set()
                elif event.event == "message" and event.data:
                    came.put(time.perf_counter())

    threading.Thread(target=listen, daemon=True).start()
    is_open.wait()
    return came


def rounds(
    laptop: Client, stream_times: Queue[float], box: Box, first: int
) -> tuple[list[float], list[float]]:
    """Push ROUNDS times; return the seconds to the stream and to the webhook."""
    webhook_times = Queue[float]()

    def answer(_delivery: Delivery) -> Reply:
        webhook_times.put(time.perf_counter())
        return 204, {}

    box.answer = answer
    by_stream, by_webhook = [], []
    for number in range(first, first + ROUNDS):
        time.sleep(1.2 * SPACING.total_seconds())  # pushes that come sooner share a notification
        began = time.perf_counter()
        push(laptop, number)
        by_stream.append(stream_times.get(timeout=30) - began)
        by_webhook.append(webhook_times.get(timeout=30) - began)
    return by_stream, by_webhook


@contextmanager
def slow_endpoints(api_url: str, receiver: Receiver) -> Iterator[None]:
    """Keep SLOW endpoints of another account busy with slow answers while the body runs."""

    def slow(_delivery: Delivery) -> Reply:
        time.sleep(SLOW_SECONDS)
        return 204, {}

    stop, keys = threading.Event(), Keys.fresh()
    with ExitStack() as exits:
        pusher = exits.enter_context(Client(api_url, "pusher", keys))
        pusher.register(f"{uuid4()}@example.org", "a long pass phrase")
        for number in range(SLOW):
            agent = exits.enter_context(Client(api_url, f"slow-{number}", keys))
            agent.login(pusher.email, pusher.password)
            box = receiver.box()
            box.answer = slow
            hook(agent, box)

        def push_often() -> None:
            number = 0
            while not stop.wait(1):
                number += 1
                push(pusher, number)

        thread = threading.Thread(target=push_often)
        thread.start()
        time.sleep(SPACING.total_seconds() * 3)
        yield
        stop.set()
        thread.join()


def report(name: str, by_stream: list[float], by_webhook: list[float]) -> None:
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
            run_platform() as platform,
            Client(platform.api_url, "laptop", Keys.fresh()) as laptop,
            Client(platform.api_url, "phone", laptop.keys) as phone,
        ):
            laptop.register(f"{uuid4()}@example.org", "a long pass phrase")
            phone.login(laptop.email, laptop.password)
            box = receiver.box()
            hook(phone, box)
            stream_times = follow(phone)
            report("alone", *rounds(laptop, stream_times, box, 1))
            with slow_endpoints(platform.api_url, receiver):
                report(
                    f"beside {SLOW} slow endpoints", *rounds(laptop, stream_times, box, 1 + ROUNDS)
                )


if __name__ == "__main__":
    main()
