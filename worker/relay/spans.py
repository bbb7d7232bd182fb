"""Spans of deliveries: each is a child of the span that wrote the message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import SpanKind

from engine.contracts.outbox_messages import ExecutionMessage
from engine.observability import tracing
from engine.store.outbox import OutboxMessage


@contextmanager
def message_span(row: OutboxMessage) -> Iterator[None]:
    """Run the body in a span below the writer's; a message without one starts a new trace."""
    with tracing.span(f"carry {row.kind}", parent=row.traceparent, kind=SpanKind.CONSUMER) as span:
        message = row.message
        span.set_attributes({"account": str(row.account_id), "kind": row.kind})
        if isinstance(message, ExecutionMessage):
            span.set_attribute("execution", str(message.execution_id))
        yield
