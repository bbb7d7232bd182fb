"""What is seen of Dramatiq's actors: how long each message took, and which trace it is a part of."""

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


class Watch(dramatiq.Middleware):
    """Times messages, hands traces on, and tells of the process that runs actors."""

    def __init__(self) -> None:
        self._here = threading.local()
        self._publisher: Publisher | None = None

    def before_worker_boot(self, _broker: Broker, worker: Worker) -> None:
        """Begin to tell, in the process that Dramatiq has forked for its actors."""
        settings, process = (
            Settings.from_env(),
            "-".join(sorted(worker.consumer_whitelist or ["actors"])),
        )
        tracing.configure(settings, process)
        self._publisher = Publisher(settings, process)
        self._publisher.start()

    def after_worker_shutdown(self, _broker: Broker, _worker: Worker) -> None:
        """Tell a last time."""
        if self._publisher is not None:
            self._publisher.stop()
        tracing.close()

    def before_enqueue(self, _broker: Broker, message: dramatiq.Message[Any], _delay: int) -> None:
        """Have a message carry the trace of its sender; one that is retried keeps its own."""
        text = tracing.traceparent()
        if text is not None:
            message.options.setdefault(TRACEPARENT, text)

    def before_process_message(self, _broker: Broker, message: MessageProxy) -> None:
        """Begin."""
        self._here.began, self._here.open = time.perf_counter(), ExitStack()
        parent = message.options.get(TRACEPARENT)
        span = tracing.span(f"act {message.actor_name}", parent=parent, kind=SpanKind.CONSUMER)
        self._here.open.enter_context(span).set_attribute("actor", message.actor_name)

    def after_process_message(
        self,
        _broker: Broker,
        message: MessageProxy,
        *,
        result: Any | None = None,  # noqa: ARG002 - Dramatiq's call
        exception: BaseException | None = None,
    ) -> None:
        """End."""
        ended = "done" if exception is None else "failed"
        seconds = time.perf_counter() - self._here.began
        metrics.ACTOR_SECONDS.labels(message.actor_name, ended).observe(seconds)
        self._here.open.close()
