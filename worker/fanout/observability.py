"""Metrics and traces of Dramatiq's actors."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any

import dramatiq
from dramatiq import Broker, MessageProxy, Worker
from opentelemetry.trace import SpanKind

from engine.config.settings import Settings
from engine.observability import metrics, tracing
from engine.observability.metrics_publisher import Publisher

TRACEPARENT = "traceparent"


class MessageObserver(dramatiq.Middleware):
    """Middleware that times messages, propagates traces, and publishes the process's metrics."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._publisher: Publisher | None = None

    def before_worker_boot(self, _broker: Broker, worker: Worker) -> None:
        """Start publishing metrics in the process that Dramatiq forked for its actors."""
        settings = Settings.from_env()
        process = "-".join(sorted(worker.consumer_whitelist or ["actors"]))
        tracing.configure(settings, process)
        self._publisher = Publisher(settings, process)
        self._publisher.start()

    def after_worker_shutdown(self, _broker: Broker, _worker: Worker) -> None:
        """Publish the last metrics."""
        if self._publisher is not None:
            self._publisher.stop()
        tracing.close()

    def before_enqueue(self, _broker: Broker, message: dramatiq.Message[Any], _delay: int) -> None:
        """Add the sender's trace to a message, unless a retried message has it already."""
        text = tracing.traceparent()
        if text is not None:
            message.options.setdefault(TRACEPARENT, text)

    def before_process_message(self, _broker: Broker, message: MessageProxy) -> None:
        """Start the time and the span of a message."""
        self._local.started_at, self._local.span = time.perf_counter(), ExitStack()
        parent = message.options.get(TRACEPARENT)
        span = tracing.span(f"act {message.actor_name}", parent=parent, kind=SpanKind.CONSUMER)
        self._local.span.enter_context(span).set_attribute("actor", message.actor_name)

    def after_process_message(
        self,
        _broker: Broker,
        message: MessageProxy,
        *,
        result: Any | None = None,  # noqa: ARG002 - as Dramatiq calls it
        exception: BaseException | None = None,
    ) -> None:
        """End the span of a message and observe its duration."""
        outcome = "done" if exception is None else "failed"
        seconds = time.perf_counter() - self._local.started_at
        metrics.ACTOR_SECONDS.labels(message.actor_name, outcome).observe(seconds)
        self._local.span.close()
