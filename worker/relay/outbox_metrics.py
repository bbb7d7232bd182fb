"""Gauges of the outbox and of the Dramatiq queues, measured by the relay."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session, sessionmaker

from engine.observability import metrics
from engine.store import outbox
from worker.fanout import notifications, sync
from worker.fanout.broker import broker


def look(sessions: sessionmaker[Session]) -> None:
    """Measure once."""
    for queue in (sync.QUEUE, notifications.QUEUE):
        metrics.QUEUE_MESSAGES.labels(queue).set(broker.do_qsize(queue))
    with sessions.begin() as session:
        backlogs = outbox.backlogs(session, now=datetime.now(UTC))
    for kind, backlog in backlogs.items():
        metrics.OUTBOX_MESSAGES.labels(kind).set(backlog.messages)
        metrics.OUTBOX_OLDEST_SECONDS.labels(kind).set(backlog.oldest_seconds)
