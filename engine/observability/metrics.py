"""Metrics of all processes; no metric names an account.

Labels have few values, all from the code: route templates, kinds, codes and log events.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakSet

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine, QueuePool

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series per metric that nothing here reads

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0)

REQUEST_SECONDS = Histogram(
    "cloudapi_request_seconds",
    "Duration of requests by route and status; of a live stream until its start.",
    ("route", "method", "status"),
    buckets=QUICK,
)
PROBLEMS = Counter("cloudapi_problems", "Problem answers (RFC 9457).", ("status", "code"))
REFUSALS = Counter("cloudapi_refusals", "Requests refused by a limit.", ("area",))
THREADS = Gauge("cloudapi_threads", "Threads that handle requests.")
THREADS_BUSY = Gauge("cloudapi_threads_busy", "Threads that are handling a request.")
REQUESTS_WAITING = Gauge("cloudapi_requests_waiting", "Requests that wait for a thread.")
STREAMS_OPEN = Gauge("cloudapi_streams_open", "Open live streams and waiting pulls.", ("kind",))

OUTBOX_MESSAGES = Gauge("cloudapi_outbox_messages", "Messages in the outbox.", ("kind",))
OUTBOX_OLDEST_SECONDS = Gauge(
    "cloudapi_outbox_oldest_seconds",
    "Age of the oldest due message in the outbox.",
    ("kind",),
)
RELAY_DELIVERIES = Counter(
    "cloudapi_relay_deliveries", "Outbox messages that the relay processed.", ("kind", "result")
)
QUEUE_MESSAGES = Gauge(
    "cloudapi_queue_messages", "Messages that wait for a Dramatiq actor.", ("queue",)
)
ACTOR_SECONDS = Histogram(
    "cloudapi_actor_seconds",
    "Duration of a Dramatiq actor's messages.",
    ("actor", "result"),
    buckets=QUICK,
)
FANOUT_LAG_SECONDS = Histogram(
    "cloudapi_fanout_lag_seconds", "Time from a change to its notification.", buckets=SLOW
)

EXECUTIONS_STARTED = Counter("cloudapi_executions_started", "Executions that the API stored.")
EXECUTIONS_ENDED = Counter("cloudapi_executions_ended", "Executions that ended.", ("status",))
RECONCILIATIONS = Counter(
    "cloudapi_reconciliations", "Executions whose end the relay found in Temporal."
)
COMMAND_REFUSALS = Counter(
    "cloudapi_command_refusals",
    "Payloads and tasks of Temporal that the worker refused.",
    ("kind",),
)
EVALUATIONS = Counter(
    "cloudapi_evaluations",
    "Programs and schemas that child processes evaluated.",
    ("kind", "result"),
)
EVALUATION_CPU_SECONDS = Counter(
    "cloudapi_evaluation_cpu_seconds", "CPU time of the evaluations that ended.", ("kind",)
)
CONFINEMENT_MISSING = Gauge(
    "cloudapi_confinement_missing",
    "Whether the worker's host lacks a means of confining child processes.",
    ("kind",),
)

TEMPORAL_SLOTS = Gauge(
    "cloudapi_temporal_slots", "Task slots of the worker.", ("queue", "kind", "state")
)
TEMPORAL_TASKS_LATE = Gauge(
    "cloudapi_temporal_tasks_late", "Workflow tasks that have been open for more than 10 seconds."
)
TEMPORAL_TASK_OLDEST_SECONDS = Gauge(
    "cloudapi_temporal_task_oldest_seconds", "Age of the oldest open workflow task."
)
TEMPORAL_CACHE_SIZE = Gauge(
    "cloudapi_temporal_cache_size", "Workflows in the worker's cache.", ("queue",)
)
TEMPORAL_CROWDED = Counter(
    "cloudapi_temporal_crowded",
    "Activities that were put off because their account uses its share of the worker.",
    ("queue",),
)
TEMPORAL_CACHE_LOOKUPS = Counter(
    "cloudapi_temporal_cache_lookups", "Lookups in the worker's workflow cache.", ("result",)
)
TEMPORAL_WAIT_SECONDS = Histogram(
    "cloudapi_temporal_wait_seconds",
    "Time from a task's scheduling to its start.",
    ("kind",),
    buckets=SLOW,
)
TEMPORAL_FAILURES = Counter("cloudapi_temporal_failures", "Failed tasks and calls.", ("kind",))

LOG_EVENTS = Counter("cloudapi_log_events", "Log lines.", ("level", "event"))


class PoolCollector(Collector):
    """Collector that reads the database connection pools of this process on each scrape."""

    def __init__(self) -> None:
        self._engines: WeakSet[Engine] = WeakSet()

    def add(self, engine: Engine) -> None:
        """Include an engine's pool for as long as the engine lives."""
        self._engines.add(engine)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the connections of all pools, and those in use."""
        # An engine that is disposed of replaces its pool, so that the set holds engines.
        engines = list(self._engines)
        pools = [engine.pool for engine in engines if isinstance(engine.pool, QueuePool)]
        yield GaugeMetricFamily(
            "cloudapi_database_connections",
            "Database connections of this process.",
            value=sum(pool.size() for pool in pools),
        )
        yield GaugeMetricFamily(
            "cloudapi_database_connections_busy",
            "Database connections in use.",
            value=sum(pool.checkedout() for pool in pools),
        )


POOLS = PoolCollector()
REGISTRY.register(POOLS)


def record_evaluation(kind: str, result: str, cpu_seconds: float) -> None:
    """Count an evaluation that `engine.expressions.sandbox.pool` reports."""
    EVALUATIONS.labels(kind, result).inc()
    EVALUATION_CPU_SECONDS.labels(kind).inc(cpu_seconds)
