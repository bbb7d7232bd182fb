"""All instruments of all processes, by name: what is counted, timed and gauged, and never whose it is.

Labels have few values, all of them ours: route templates, kinds, codes, names of events.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakSet

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine, QueuePool

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each, of no use here

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0)

REQUEST_SECONDS = Histogram(
    "cloudapi_request_seconds",
    "Requests, by route and how they were answered; of a live stream until its beginning.",
    ("route", "method", "status"),
    buckets=QUICK,
)
PROBLEMS = Counter("cloudapi_problems", "Problems that were answered.", ("status", "code"))
REFUSALS = Counter("cloudapi_refusals", "Requests that a limit refused.", ("area",))
THREADS = Gauge("cloudapi_threads", "Threads for requests.")
THREADS_BUSY = Gauge("cloudapi_threads_busy", "Threads that are at a request.")
REQUESTS_WAITING = Gauge("cloudapi_requests_waiting", "Requests that wait for a thread.")
STREAMS_OPEN = Gauge(
    "cloudapi_streams_open", "Clients that wait for news: live streams and pulls.", ("kind",)
)

OUTBOX_MESSAGES = Gauge("cloudapi_outbox_messages", "Messages in the outbox.", ("kind",))
OUTBOX_OLDEST_SECONDS = Gauge(
    "cloudapi_outbox_oldest_seconds",
    "Age of the oldest message in the outbox that is due.",
    ("kind",),
)
CARRIED = Counter(
    "cloudapi_carried", "Messages that the relay handed over, or could not.", ("kind", "result")
)
QUEUE_MESSAGES = Gauge("cloudapi_queue_messages", "Messages that wait for an actor.", ("queue",))
ACTOR_SECONDS = Histogram(
    "cloudapi_actor_seconds",
    "Messages that an actor worked on.",
    ("actor", "result"),
    buckets=QUICK,
)
FANOUT_LAG_SECONDS = Histogram(
    "cloudapi_fanout_lag_seconds", "From the stamp of a change to its notice.", buckets=SLOW
)

EXECUTIONS_STARTED = Counter("cloudapi_executions_started", "Executions that were stored.")
EXECUTIONS_ENDED = Counter("cloudapi_executions_ended", "Executions that ended.", ("status",))
RECONCILED = Counter(
    "cloudapi_reconciled", "Executions that ended without a word of their interpreter."
)
EVALUATIONS = Counter(
    "cloudapi_evaluations",
    "Programs and schemas that a child process was asked for.",
    ("kind", "result"),
)
EVALUATION_CPU_SECONDS = Counter(
    "cloudapi_evaluation_cpu_seconds", "CPU time of those that answered.", ("kind",)
)

TEMPORAL_SLOTS = Gauge(
    "cloudapi_temporal_slots", "Places for tasks in the worker.", ("kind", "state")
)
TEMPORAL_CACHED = Gauge("cloudapi_temporal_cached", "Workflows in the worker's cache.")
TEMPORAL_CACHE = Counter("cloudapi_temporal_cache", "Looks into the worker's cache.", ("result",))
TEMPORAL_WAIT_SECONDS = Histogram(
    "cloudapi_temporal_wait_seconds",
    "From the schedule of a task to its start.",
    ("kind",),
    buckets=SLOW,
)
TEMPORAL_FAILURES = Counter("cloudapi_temporal_failures", "Tasks and calls that failed.", ("kind",))

LOG_EVENTS = Counter("cloudapi_log_events", "Lines of the log.", ("level", "event"))


class Pools(Collector):
    """The pools of this process, looked at when somebody asks."""

    def __init__(self) -> None:
        self._watched: WeakSet[Engine] = WeakSet()

    def watch(self, engine: Engine) -> None:
        """Count an engine's pool in from now on, for as long as the engine lives."""
        self._watched.add(engine)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what all pools together have and use."""
        engines = list(self._watched)  # one that is disposed of makes itself another pool
        pools = [engine.pool for engine in engines if isinstance(engine.pool, QueuePool)]
        yield GaugeMetricFamily(
            "cloudapi_database_connections",
            "Connections to the database that this process keeps.",
            value=sum(pool.size() for pool in pools),
        )
        yield GaugeMetricFamily(
            "cloudapi_database_connections_busy",
            "Connections to the database that are in use.",
            value=sum(pool.checkedout() for pool in pools),
        )


POOLS = Pools()
REGISTRY.register(POOLS)


def evaluated(kind: str, result: str, cpu_seconds: float) -> None:
    """Count an evaluation, as `engine.expressions.sandbox.pool` tells of each."""
    EVALUATIONS.labels(kind, result).inc()
    EVALUATION_CPU_SECONDS.labels(kind).inc(cpu_seconds)
