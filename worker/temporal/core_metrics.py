"""Metrics of Temporal's native core, read from its buffer and published with all others.

Its own endpoint for Prometheus would need a port that many hosts do not route to.
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

BUFFER_UPDATES = 200_000  # between two reads; more are lost, and the core logs that
Record = Callable[[float, str, str], None]  # a value, and the task queue and kind of its worker


def _slots(state: str) -> Record:
    return lambda value, queue, kind: metrics.TEMPORAL_SLOTS.labels(queue, kind, state).set(value)


def _add(counter: Counter, *labels: str) -> Record:
    child = counter.labels(*labels)
    return lambda value, *_worker: child.inc(value)


def _set(gauge: Gauge) -> Record:
    return lambda value, queue, _kind: gauge.labels(queue).set(value)


def _wait(kind: str) -> Record:
    child = metrics.TEMPORAL_WAIT_SECONDS.labels(kind)
    return lambda value, *_worker: child.observe(value)


RECORDS: dict[str, Record] = {
    "temporal_worker_task_slots_used": _slots("used"),
    "temporal_worker_task_slots_available": _slots("available"),
    "temporal_sticky_cache_size": _set(metrics.TEMPORAL_CACHE_SIZE),
    "temporal_sticky_cache_hit": _add(metrics.TEMPORAL_CACHE_LOOKUPS, "hit"),
    "temporal_sticky_cache_miss": _add(metrics.TEMPORAL_CACHE_LOOKUPS, "miss"),
    "temporal_sticky_cache_total_forced_eviction": _add(metrics.TEMPORAL_CACHE_LOOKUPS, "evicted"),
    "temporal_workflow_task_schedule_to_start_latency": _wait("workflow"),
    "temporal_activity_schedule_to_start_latency": _wait("activity"),
    "temporal_workflow_task_execution_failed": _add(metrics.TEMPORAL_FAILURES, "workflow_task"),
    "temporal_activity_execution_failed": _add(metrics.TEMPORAL_FAILURES, "activity"),
    "temporal_request_failure": _add(metrics.TEMPORAL_FAILURES, "request"),
}


class Core:
    """Runtime of the SDK and its buffer of metrics."""

    def __init__(self) -> None:
        self._buffer = MetricBuffer(BUFFER_UPDATES, MetricBufferDurationFormat.SECONDS)
        self.runtime = Runtime(telemetry=TelemetryConfig(metrics=self._buffer))

    def look(self) -> None:
        """Record the updates since the last call."""
        for update in self._buffer.retrieve_updates():
            record = RECORDS.get(update.metric.name)
            if record is not None:
                queue, kind = (_attribute(update, name) for name in ("task_queue", "worker_type"))
                record(float(update.value), queue, kind)


def _attribute(update: BufferedMetricUpdate, name: str) -> str:
    """Return an attribute of an update in the core's words, such as WorkflowWorker."""
    return str(update.attributes.get(name, ""))
