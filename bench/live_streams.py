"""What a thousand live streams cost, and how soon they tell: `python -m bench.live_streams`.

Runs one web process, and a hundred accounts with ten streams each over real sockets. Prints four
figures. The times of REST requests without and with the streams. The time from a push until another
agent's stream receives it, over a bare SQL commit and one Redis message. The time until every
stream has an event when every account changes. The memory of one stream.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
from redis import Redis

from bench.platform import PlatformUnderTest, run_platform
from bench.quick_mode import full_or_quick
from bench.results import record
from bench.stream_load import StreamLoad

ACCOUNTS = full_or_quick(100, 10)
STREAMS = full_or_quick(1000, 50)
REQUESTS = full_or_quick(500, 50)
PUSHES = full_or_quick(200, 20)
PUSH_PAUSE_SECONDS = 0.05
CLIENTS = 8
COMMIT = """
UPDATE sync_heads SET horizon = horizon
WHERE account_id = (SELECT max(id::text)::uuid FROM accounts)
"""


def milliseconds(task: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    task()
    return 1000 * (time.perf_counter() - began)


def spread(times: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


@contextmanager
def bare(platform: PlatformUnderTest) -> Iterator[Callable[[], float]]:
    """Yield a measurement of an SQL commit and a Redis message, until a subscriber has it (ms)."""
    with (
        psycopg.connect(platform.stack.database_url) as connection,
        Redis.from_url(platform.stack.redis_url) as redis,
        redis.pubsub(ignore_subscribe_messages=True) as subscriber,
    ):
        subscriber.subscribe("bare")
        subscriber.get_message(timeout=1)

        def commit_and_publish() -> None:
            connection.execute(COMMIT, prepare=True)
            connection.commit()
            redis.publish("bare", "")
            while subscriber.get_message(timeout=1) is None:
                pass

        yield lambda: milliseconds(commit_and_publish)


def notices(platform: PlatformUnderTest, crowd: StreamLoad) -> None:
    """Measure pushes until the streams of their account have them, by turns with the baseline."""
    from_send, from_answer, baseline = [], [], []
    with bare(platform) as measure_baseline:
        for number in range(PUSHES):
            account = number % len(crowd.pushers)
            request_at = time.monotonic_ns()
            crowd.pushers[account].push()
            answer_at = time.monotonic_ns()
            for at in crowd.wait_for_events({account}):
                from_send.append((at - request_at) / 1e6)
                from_answer.append((at - answer_at) / 1e6)
            baseline.append(measure_baseline())
            time.sleep(PUSH_PAUSE_SECONDS)
    (sent_p50, sent_p99), (p50, p99) = spread(from_send), spread(from_answer)
    print(
        f"live notice, {len(crowd.streams)} streams open: "
        f"p50 {sent_p50:.1f} ms, p99 {sent_p99:.1f} ms after the push is sent; "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms after its answer; bare commit and Redis "
        f"p50 {statistics.median(baseline):.2f} ms, "
        f"ratio {sent_p50 / statistics.median(baseline):.1f}"
    )
    claim = f"live notice, {len(crowd.streams)} streams open"
    record(
        claim, sent_p50, "ms", over="bare commit and Redis", baseline=statistics.median(baseline)
    )


def live_notice(platform: PlatformUnderTest, *, accounts: int = 10, streams: int = 100) -> None:
    """Print the line of the live notice with fewer streams, for other measurements."""
    crowd = StreamLoad.of(platform.api_url, accounts=accounts, streams=streams)
    with crowd.listening(platform.api_url):
        notices(platform, crowd)


def everyone(crowd: StreamLoad) -> None:
    """Push in every account; print how soon all streams have an event."""
    request_at = time.monotonic_ns()
    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(lambda pusher: pusher.push(), crowd.pushers))
    answer_at = time.monotonic_ns()
    last = max(crowd.wait_for_events(set(range(len(crowd.pushers)))))
    print(
        f"a change in each of {len(crowd.pushers)} accounts: "
        f"pushed within {(answer_at - request_at) / 1e6:.0f} ms, all {len(crowd.streams)} streams "
        f"told {(last - answer_at) / 1e6:.0f} ms after the last answer"
    )


def web_usage(platform: PlatformUnderTest) -> tuple[int, int]:
    """Return the memory of the web process (bytes), and the number of its Redis connections."""
    proc = Path(f"/proc/{platform.servers['web'].process.pid}")
    (resident,) = [
        line for line in (proc / "status").read_text().splitlines() if line.startswith("VmRSS")
    ]
    port = int(platform.stack.redis_url.rpartition(":")[2].partition("/")[0])
    sockets = {path.readlink().name for path in (proc / "fd").iterdir() if path.is_symlink()}
    rows = [line.split() for line in (proc / "net" / "tcp").read_text().splitlines()[1:]]
    to_redis = [
        row for row in rows if row[2].endswith(f":{port:04X}") and f"socket:[{row[9]}]" in sockets
    ]
    return 1024 * int(resident.split()[1]), len(to_redis)


def measure(requests: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the times of each request (ms)."""
    return {name: [milliseconds(task) for _ in range(REQUESTS)] for name, task in requests.items()}


def compare(quiet: Sequence[Mapping[str, list[float]]], busy: Mapping[str, list[float]]) -> None:
    """Print the times of each request without and with the streams, and their ratios."""
    for name, times in busy.items():
        (p50, p99), (alone_p50, alone_p99) = spread(times), spread(quiet[0][name] + quiet[1][name])
        print(
            f"{name}: p50 {alone_p50:.2f} ms, p99 {alone_p99:.2f} ms without streams; "
            f"p50 {p50:.2f} ms, p99 {p99:.2f} ms with {STREAMS}; "
            f"ratio {p50 / alone_p50:.2f} and {p99 / alone_p99:.2f}"
        )
        record(
            f"{name} beside {STREAMS} streams",
            p50,
            "ms",
            over="without streams",
            baseline=alone_p50,
        )


def main() -> None:
    """Measure without and with the streams."""
    with run_platform() as platform:
        alone = StreamLoad.of(platform.api_url, accounts=1, streams=0).pushers[0]
        crowd = StreamLoad.of(platform.api_url, accounts=ACCOUNTS, streams=STREAMS)
        requests = {"GET /api/auth/me": alone.read, "push": alone.push}
        measure(requests)  # to warm up
        quiet = [measure(requests)]
        before, _ = web_usage(platform)
        began = time.perf_counter()
        with crowd.listening(platform.api_url):
            print(
                f"{STREAMS} streams of {ACCOUNTS} accounts opened "
                f"in {time.perf_counter() - began:.1f} s"
            )
            after, connections = web_usage(platform)
            busy = measure(requests)
            notices(platform, crowd)
            everyone(crowd)
            print(
                f"a stream holds {(after - before) / STREAMS / 1024:.0f} KB of the web process, "
                f"which has {connections} connections to Redis"
            )
            claim = f"memory of web with {STREAMS} streams"
            record(claim, after / 1e6, "MB", over="without streams", baseline=before / 1e6)
        # Before and after, because other work on the machine may change meanwhile.
        quiet.append(measure(requests))
        compare(quiet, busy)


if __name__ == "__main__":
    main()
