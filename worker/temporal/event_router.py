"""The router: brings an account's events to whatever of it listens, in their order, at least once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from engine.contracts.executions import EVENT
from engine.contracts.workflow_ids import ExecutionWorkflowId, parse_execution
from engine.errors import EngineError
from engine.language.cloud_events import ANY_TYPE
from engine.store.account_scope import AccountScope
from engine.store.events import Event, Listener
from engine.temporal.commands import SERVER_FAILURES
from engine.workflows.events import queue, subscriptions
from engine.workflows.events.dispatch import Dispatcher
from engine.workflows.executions import queries

LOOK_SECONDS = 1.0
BATCH = 100
SIGNAL_EVENTS_MAX = 50
SIGNAL_BYTES_MAX = 524_288
Deliveries = dict[str, list[dict[str, Any]]]
log = structlog.get_logger()


class Doorbell:
    """Wakes the router from any thread of the process."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.rung = asyncio.Event()

    def ring(self) -> None:
        """Wake it."""
        self._loop.call_soon_threadsafe(self.rung.set)


class Router:
    """Runs beside the Temporal worker: it alone can tell what an event is.

    Several may run: each takes accounts that no other has at the moment. What a listener has is forgotten
    only once all have it, so that a router's end repeats events and loses none; listeners know repetitions.
    """

    def __init__(
        self,
        client: Client,
        sessions: sessionmaker[Session],
        dispatcher: Dispatcher,
        doorbell: Doorbell,
        redis_url: str,
    ) -> None:
        self._client = client
        self._sessions = sessions
        self._dispatcher = dispatcher
        self._doorbell = doorbell
        self._redis_url = redis_url

    async def run(self) -> None:
        """Route until cancelled, whatever is down in between."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear())
            tasks.create_task(self._route_on())

    async def look(self) -> int:
        """Route what waits, some of each account; return how many events there were."""
        routed = 0
        for account_id in await asyncio.to_thread(self._accounts):
            try:
                routed += await self._route(account_id)
            except EngineError as fault:  # as for an account whose key is lost: the others go on
                log.warning("not_routed", account=str(account_id), error=fault.code)
        return routed

    async def _route_on(self) -> None:
        while True:
            self._doorbell.rung.clear()
            try:
                found = await self.look()
            except (RPCError, OperationalError) as fault:
                log.warning("not_routed", error=type(fault).__name__)
                found = 0
            if not found:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._doorbell.rung.wait(), LOOK_SECONDS)

    async def _route(self, account_id: UUID) -> int:
        """Deliver an account's oldest events; an exception gives them back."""
        with self._sessions() as session:
            rows, deliveries = await asyncio.to_thread(self._take, session, account_id)
            ended = await asyncio.gather(
                *(self._deliver(*delivery) for delivery in deliveries.items())
            )
            gone = [workflow_id for workflow_id in ended if workflow_id is not None]
            await asyncio.to_thread(self._done, session, rows, gone)
        return len(rows)

    def _accounts(self) -> Sequence[UUID]:
        with self._sessions() as session:
            return queue.list_accounts(session)

    def _take(self, session: Session, account_id: UUID) -> tuple[Sequence[Event], Deliveries]:
        """Return an account's events and, by workflow, what it gets of them."""
        scope = AccountScope(session, account_id, datetime.now(UTC))
        rows = queue.take(scope, limit=BATCH)
        opened = [(row, event) for row in rows if (event := self._dispatcher.open(row)) is not None]
        if len(opened) < len(rows):
            log.warning(
                "events_unreadable", account=str(account_id), events=len(rows) - len(opened)
            )
        kinds = {str(event["type"]) for _, event in opened}
        keys = self._dispatcher.routing_keys(session, account_id, kinds) if kinds else {}
        listening = subscriptions.list_listeners(scope, [*keys.values(), ANY_TYPE])
        deliveries: Deliveries = defaultdict(list)
        for row, event in opened:
            if row.execution_id is not None:
                deliveries[str(ExecutionWorkflowId(row.execution_id))].append(event)
                continue
            wanted = {keys[str(event["type"])]} | (set() if row.lifecycle else {ANY_TYPE})
            told = {
                one.workflow_id for one in listening if one.key in wanted and not _own(row, one)
            }
            for workflow_id in sorted(told):
                deliveries[workflow_id].append(event)
        return rows, deliveries

    async def _deliver(self, workflow_id: str, told: list[dict[str, Any]]) -> str | None:
        """Signal a workflow; return its id when it listens no more.

        :raises RPCError: when it should be tried again.
        """
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            for part in _parts(told):
                await handle.signal(EVENT, part)
        except RPCError as fault:
            if fault.status in SERVER_FAILURES:
                raise
            if fault.status != RPCStatusCode.NOT_FOUND:
                log.warning("not_delivered", workflow=workflow_id, status=fault.status.name)
                return None
            if await asyncio.to_thread(self._to_come, workflow_id):
                raise
            return workflow_id
        return None

    def _to_come(self, workflow_id: str) -> bool:
        """Tell whether an execution is yet to be started: then its events wait for it."""
        execution_id = parse_execution(workflow_id)
        if execution_id is None:
            return False
        with self._sessions() as session:
            return queries.awaits_launch(session, execution_id)

    def _done(self, session: Session, rows: Sequence[Event], gone: Sequence[str]) -> None:
        if gone:
            subscriptions.discard(session, gone)
        queue.mark_routed(session, [row.id for row in rows], now=datetime.now(UTC))
        session.commit()

    async def _hear(self) -> None:
        """Ring at each word of web's on Redis; without Redis the clock alone drives the router."""
        while self._redis_url:
            try:
                async with Redis.from_url(self._redis_url) as redis, redis.pubsub() as channel:
                    await channel.subscribe(queue.WAKE)
                    async for _ in channel.listen():
                        self._doorbell.rung.set()
            except (RedisError, OSError):
                await asyncio.sleep(LOOK_SECONDS)


def _own(row: Event, listener: Listener) -> bool:
    """Tell whether a definition would hear of itself."""
    return row.lifecycle and row.definition_id == listener.definition_id


def _parts(told: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cut into what one signal may carry, in order."""
    part: list[dict[str, Any]] = []
    size = 0
    for event in told:
        length = len(orjson.dumps(event))
        if part and (len(part) == SIGNAL_EVENTS_MAX or size + length > SIGNAL_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(event)
        size += length
    if part:
        yield part
