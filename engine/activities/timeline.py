"""The journal of this worker: entries of all its walks, written to the database by a thread of its own.

A walk never waits for it. What can be kept neither in time nor in the database's absence is dropped: how far
the execution is shows all the same, and whoever takes the walk up next tells its steps again.
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
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from engine.config.settings import Settings
from engine.contracts.executions import FLUSH_TIMELINE, TimelineFlush
from engine.contracts.timeline import TimelineEntry
from engine.interpreter.runtime.timeline import TimelineOutput
from engine.workflows.executions import timeline
from engine.workflows.executions.timeline_queue import PendingEntries, TimelineQueue

LINGER_SECONDS = 0.1  # a short execution has ended by then, and its entries went with its end
PAUSE_SECONDS = 1.0
WRITING_SECONDS_MAX = 5.0
REDIS_SECONDS_MAX = 0.25


class Journal:
    """Takes entries from any thread."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self._sessions = sessions
        self._kept_max = settings.execution_steps_kept
        self._redis = Redis.from_url(
            settings.need("redis_url"),
            socket_timeout=REDIS_SECONDS_MAX,
            socket_connect_timeout=REDIS_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),
        )
        self._free = threading.Condition()  # for what follows
        self._lines = TimelineQueue()
        self._writing: set[str] = set()
        self._hints: dict[
            str, str
        ] = {}  # executions that streams are to look at, and their accounts
        self._rung, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Be where the process' walks tell their steps while the body runs; then write what is left."""
        TimelineOutput.sink = self
        self._thread.start()
        try:
            yield
        finally:
            TimelineOutput.sink = None
            self._closing.set()
            self._rung.set()
            self._thread.join()

    def add(self, entry: TimelineEntry) -> None:
        """Take an entry; past `execution_steps_kept` it only says how far the execution is."""
        with self._free:
            self._lines.put(entry, stores=entry.seq <= self._kept_max)
        if not self._rung.is_set():
            self._rung.set()

    @contextmanager
    def taken(self, session: Session, account_id: str, execution_id: str) -> Iterator[None]:
        """Write what waits of an execution behind the body, and commit; if any of it fails, that waits again.

        What is being written at the moment has been written when the body begins.
        """
        with self._free:
            self._free.wait_for(lambda: execution_id not in self._writing, WRITING_SECONDS_MAX)
            waiting = self._lines.take(account_id, execution_id)
        try:
            yield
            _keep(session, [waiting] if waiting is not None else [])
            session.commit()
        except BaseException:
            if waiting is not None:
                with self._free:
                    self._lines.give_back(waiting)
            raise
        with self._free:
            self._hints[execution_id] = account_id
        self._rung.set()

    @activity.defn(name=FLUSH_TIMELINE)
    def keep(self, steps: TimelineFlush) -> None:
        """Write what waits of an execution before anything else is done."""
        with (
            suppress(IntegrityError),  # the execution is no more
            self._sessions() as session,
            self.taken(session, steps.account_id, steps.execution_id),
        ):
            pass

    def _run(self) -> None:
        while not self._closing.is_set():
            self._rung.wait()
            self._closing.wait(LINGER_SECONDS)
            self._rung.clear()
            while self._write() and not self._closing.is_set():
                self._tell()
            self._tell()
        while self._write():
            self._tell()
        self._tell()

    def _write(self) -> bool:
        """Write one batch; tell whether there was one, and it could be written."""
        with self._free:
            batch = self._lines.batch()
            self._writing.update(waiting.last.execution_id for waiting in batch)
        if not batch:
            return False
        written = self._written(batch)
        with self._free:
            self._writing.clear()
            self._free.notify_all()
        if not written:
            self._closing.wait(PAUSE_SECONDS)
            self._rung.set()
        return written

    def _written(self, batch: Sequence[PendingEntries]) -> bool:
        """Write a batch, and if that fails what can be written of it; what may be later waits again."""
        try:
            with self._sessions.begin() as session:
                _keep(session, batch)
        except IntegrityError:  # an execution that is no more has nothing to be kept
            singly = [self._written([waiting]) for waiting in batch] if len(batch) > 1 else []
            return all(singly)
        except SQLAlchemyError as fault:
            structlog.get_logger().warning("journal_not_written", error=type(fault).__name__)
            with self._free:
                for waiting in batch:
                    self._lines.give_back(waiting)
            return False
        with self._free:
            self._hints |= {waiting.last.execution_id: waiting.last.account_id for waiting in batch}
        return True

    def _tell(self) -> None:
        """Hint on Redis which executions have gone on, best effort."""
        with self._free:
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


def _keep(session: Session, batch: Sequence[PendingEntries]) -> None:
    if batch:
        entries = [entry for waiting in batch for entry in waiting.entries]
        timeline.store(session, entries, [waiting.last for waiting in batch])
