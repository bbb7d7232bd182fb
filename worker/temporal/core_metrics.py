"""What Temporal's native core counts, taken from its buffer and counted here, beside all else.

Its own endpoint for Prometheus would need a port that nothing leads to on many hosts.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Gauge
from temporalio.runtime import (
    BufferedMetricUpdate,
    MetricBuffer,
    MetricBufferDurationFormat,
    Runtime,
    TelemetryConfig,
)

from engine.observability import metrics

BUFFERED_MOST = 200_000  # between two looks; what is more is lost, and the core says so in the log
Take = Callable[[float, str], None]  # a value, and the kind of worker it is about


def _slots(state: str) -> Take:
    return lambda value, kind: metrics.TEMPORAL_SLOTS.labels(kind, state).set(value)


def _add(counter: Counter, *labels: str) -> Take:
    child = counter.labels(*labels)
    return lambda value, _kind: child.inc(value)


def _set(gauge: Gauge) -> Take:
    return lambda value, _kind: gauge.set(value)


def _waited(kind: str) -> Take:
    child = metrics.TEMPORAL_WAIT_SECONDS.labels(kind)
    return lambda value, _kind: child.observe(value)


TAKEN: dict[str, Take] = {
    "temporal_worker_task_slots_used": _slots("used"),
    "temporal_worker_task_slots_available": _slots("available"),
    "temporal_sticky_cache_size": _set(metrics.TEMPORAL_CACHE_SIZE),
    "temporal_sticky_cache_hit": _add(metrics.TEMPORAL_CACHE_LOOKUPS, "hit"),
    "temporal_sticky_cache_miss": _add(metrics.TEMPORAL_CACHE_LOOKUPS, "miss"),
    "temporal_sticky_cache_total_forced_eviction": _add(metrics.TEMPORAL_CACHE_LOOKUPS, "evicted"),
    "temporal_workflow_task_schedule_to_start_latency": _waited("workflow"),
    "temporal_activity_schedule_to_start_latency": _waited("activity"),
    "temporal_workflow_task_execution_failed": _add(metrics.TEMPORAL_FAILURES, "workflow_task"),
    "temporal_activity_execution_failed": _add(metrics.TEMPORAL_FAILURES, "activity"),
    "temporal_request_failure": _add(metrics.TEMPORAL_FAILURES, "request"),
}


class Core:
    """The SDK's runtime and its buffer."""

    def __init__(self) -> None:
        self._buffer = MetricBuffer(BUFFERED_MOST, MetricBufferDurationFormat.SECONDS)
        self.runtime = Runtime(telemetry=TelemetryConfig(metrics=self._buffer))

    def look(self) -> None:
        """Count what has been buffered since the last look."""
        for update in self._buffer.retrieve_updates():
            take = TAKEN.get(update.metric.name)
            if take is not None:
                take(float(update.value), _kind(update))


def _kind(update: BufferedMetricUpdate) -> str:
    """Return which kind of tasks an update is about, as the core names it: WorkflowWorker and so on."""
    return str(update.attributes.get("worker_type", ""))
