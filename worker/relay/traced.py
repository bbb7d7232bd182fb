"""Carrying a message as a part of the trace that it was sent for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import SpanKind

from engine.observability import tracing
from engine.store import outbox
from engine.store.outbox import OutboxMessage

OF_EXECUTIONS = (outbox.EXECUTE, outbox.CANCEL, outbox.TERMINATE)


@contextmanager
def carrying(message: OutboxMessage) -> Iterator[None]:
    """Run the body below the span of the message's sender; it starts a new trace for one without."""
    with tracing.span(
        f"carry {message.kind}", parent=message.traceparent, kind=SpanKind.CONSUMER
    ) as span:
        span.set_attributes({"account": str(message.account_id), "kind": message.kind})
        if message.kind in OF_EXECUTIONS:
            span.set_attribute("execution", message.subject)
        yield
