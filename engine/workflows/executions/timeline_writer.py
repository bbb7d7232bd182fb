"""Writer that stores the timeline entries of a worker's executions, in a thread of its own.

An execution never waits for the writer. Entries that find no room in the queue are dropped. The
progress of their execution is stored all the same, and a worker that takes over the execution
records its tasks again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from engine.config.settings import Settings
from engine.contracts.timeline import TimelineEntry
from engine.temporal.outages import is_outage, log_defect
from engine.workflows.executions import timeline
from engine.workflows.executions.timeline_queue import PendingEntries, TimelineQueue

# A short execution ends within this time, and its entries are stored with its end.
LINGER_SECONDS = 0.1
PAUSE_SECONDS = 1.0
WRITING_SECONDS_MAX = 5.0
REDIS_SECONDS_MAX = 0.25


class TimelineWriter:
    """Writer whose entries come from any thread."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self._sessions = sessions
        self._entries_max = settings.execution_steps_kept
        self._redis = Redis.from_url(
            settings.need("redis_url"),
            socket_timeout=REDIS_SECONDS_MAX,
            socket_connect_timeout=REDIS_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),
        )
        self._lock = threading.Condition()  # of the queue, the current batch and the hints
        self._queue = TimelineQueue()
        self._writing: set[str] = set()  # executions with entries in the current batch
        self._hints: dict[str, str] = {}  # executions with new entries, and their accounts
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="timeline", daemon=True)

    @contextmanager
    def run(self) -> Iterator[None]:
        """Run the writer's thread for a block, and store all pending entries at its end."""
        self._thread.start()
        try:
            yield
        finally:
            self._closing.set()
            self._wake.set()
            self._thread.join()

    def add(self, entry: TimelineEntry) -> None:
        """Add an entry. Past `execution_steps_kept` only the execution's progress is stored."""
        with self._lock:
            self._queue.put(entry, stores=entry.seq <= self._entries_max)
        if not self._wake.is_set():
            self._wake.set()

    @contextmanager
    def transaction(self, account_id: str, execution_id: str) -> Iterator[Session]:
        """Yield a session; after the block, store the execution's pending entries and commit both.

        The entries of the current batch are stored before the block begins. When anything fails,
        the entries become pending again.
        """
        with self._lock:
            self._lock.wait_for(lambda: execution_id not in self._writing, WRITING_SECONDS_MAX)
            pending = self._queue.take(account_id, execution_id)
        try:
            with self._sessions.begin() as session:
                yield session
                _store(session, [pending] if pending is not None else [])
        except BaseException:
            if pending is not None:
                with self._lock:
                    self._queue.give_back(pending)
            raise
        with self._lock:
            self._hints[execution_id] = account_id
        self._wake.set()

    def flush(self, account_id: str, execution_id: str) -> None:
        """Store the pending entries of an execution, unless the execution was deleted."""
        with suppress(IntegrityError), self.transaction(account_id, execution_id):
            pass

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(LINGER_SECONDS)
            self._wake.clear()
            while self._write() and not self._closing.is_set():
                self._publish_hints()
            self._publish_hints()
        while self._write():
            self._publish_hints()
        self._publish_hints()

    def _write(self) -> bool:
        """Store one batch; return whether there was one and it was stored."""
        with self._lock:
            batch = self._queue.batch()
            self._writing.update(pending.last.execution_id for pending in batch)
        if not batch:
            return False
        is_stored = self._store_batch(batch)
        with self._lock:
            self._writing.clear()
            self._lock.notify_all()
        if not is_stored:
            self._closing.wait(PAUSE_SECONDS)
            self._wake.set()
        return is_stored

    def _store_batch(self, batch: Sequence[PendingEntries]) -> bool:
        """Store a batch, without entries that cannot be stored, such as of deleted executions.

        :return: False when the database failed; then the entries are pending again.
        """
        try:
            with self._sessions.begin() as session:
                _store(session, batch)
        except Exception as error:  # noqa: BLE001 - one execution's entries must not stop the others
            if is_outage(error):
                structlog.get_logger().warning("timeline_not_stored", error=type(error).__name__)
                with self._lock:
                    for pending in batch:
                        self._queue.give_back(pending)
                return False
            if len(batch) > 1:
                singly = [self._store_batch([pending]) for pending in batch]
                return all(singly)
            if not isinstance(error, IntegrityError):  # which means that it was deleted
                log_defect("timeline_dropped", error, execution=batch[0].last.execution_id)
            return True
        with self._lock:
            self._hints |= {pending.last.execution_id: pending.last.account_id for pending in batch}
        return True

    def _publish_hints(self) -> None:
        """Publish on Redis which executions have new entries; failures are only logged."""
        with self._lock:
            hints, self._hints = self._hints, {}
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for execution_id, account_id in hints.items():
                    pipeline.publish(
                        timeline.channel(account_id), json.dumps({"executionId": execution_id})
                    )
                pipeline.execute()
        except RedisError as fault:
            structlog.get_logger().warning("progress_not_published", error=type(fault).__name__)


def _store(session: Session, batch: Sequence[PendingEntries]) -> None:
    if batch:
        entries = [entry for pending in batch for entry in pending.entries]
        timeline.store(session, entries, [pending.last for pending in batch])
