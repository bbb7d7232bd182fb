"""The router: delivers an account's events to its listeners, in order, at least once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from engine.contracts.events import EVENT
from engine.contracts.workflow_ids import ExecutionWorkflowId, parse_execution
from engine.errors import EngineError
from engine.language.cloud_events import ANY_TYPE
from engine.store.account_scope import AccountScope
from engine.store.events import Event, Listener
from engine.temporal.commands import SERVER_FAILURES
from engine.temporal.outages import is_outage
from engine.workflows.events import queue, subscriptions
from engine.workflows.events.dispatch import Dispatcher
from engine.workflows.executions import queries

LOOK_SECONDS = 1.0
REST_SECONDS_MAX = 30.0  # of an account whose events failed again and again; at first a second
ACCOUNTS_AT_ONCE = 4  # each has a connection to the database, and its events in memory
ACCOUNTS_MAX = 200  # at once and in line; those that rest do not count
BATCH = 100
SIGNAL_EVENTS_MAX = 50
SIGNAL_BYTES_MAX = 524_288
Deliveries = dict[str, list[dict[str, Any]]]
log = structlog.get_logger()


class Doorbell:
    """Wake-up of the router from any thread of the process."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.wake = asyncio.Event()

    def ring(self) -> None:
        """Wake the router."""
        self._loop.call_soon_threadsafe(self.wake.set)


class Router:
    """Part of the Temporal worker, which alone can decrypt events.

    Several may run: each takes accounts that no other one has. An event's content is deleted only
    when all listeners have it, so that the end of a router repeats events and loses none.
    Listeners ignore repetitions.

    It routes a few accounts at a time, and of each account one batch. So an account with many
    events, or with events that cannot be delivered yet, delays no other one.
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
        self._places = asyncio.Semaphore(ACCOUNTS_AT_ONCE)
        self._accounts: set[UUID] = set()  # that are routed or wait for a place
        self._resting: set[UUID] = set()
        self._failures: dict[UUID, int] = {}  # in a row, of accounts whose events wait since

    async def run(self) -> None:
        """Route until cancelled, whatever is down in between."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._route_on(tasks))

    async def _route_on(self, tasks: asyncio.TaskGroup) -> None:
        """Start a task for each account that has pending events and no task yet."""
        while True:
            self._doorbell.wake.clear()
            try:
                account_ids = await asyncio.to_thread(
                    self._list_accounts, self._accounts | self._resting
                )
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("not_routed", error=type(error).__name__)
                account_ids = ()
            for account_id in account_ids[: ACCOUNTS_MAX - len(self._accounts)]:
                self._accounts.add(account_id)
                tasks.create_task(self._route_account(account_id))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._doorbell.wake.wait(), LOOK_SECONDS)

    async def _route_account(self, account_id: UUID) -> None:
        """Route some pending events of an account; if that fails, leave it alone for a while."""
        try:
            async with self._places:
                count = await self._route(account_id)
        except Exception as error:  # noqa: BLE001 - the events stay, and hold up no other account's
            # Such as an account whose key is lost, or an execution that is about to start.
            log.warning("not_routed", account=str(account_id), error=_name(error))
            await self._rest(account_id)
            return
        self._failures.pop(account_id, None)
        self._accounts.discard(account_id)
        if count:
            self._doorbell.wake.set()  # there may be more

    async def _rest(self, account_id: UUID) -> None:
        """Leave an account alone, longer after each failure; it takes no other one's place."""
        count = self._failures[account_id] = self._failures.get(account_id, 0) + 1
        self._resting.add(account_id)
        self._accounts.discard(account_id)
        self._doorbell.wake.set()  # another account has room
        await asyncio.sleep(rest_seconds(count))
        self._resting.discard(account_id)

    async def _route(self, account_id: UUID) -> int:
        """Deliver an account's oldest events; after an exception they are still pending."""
        with self._sessions() as session:
            rows, deliveries = await asyncio.to_thread(self._take, session, account_id)
            outcomes = await asyncio.gather(
                *(self._deliver(*delivery) for delivery in deliveries.items())
            )
            closed = [workflow_id for workflow_id in outcomes if workflow_id is not None]
            await asyncio.to_thread(self._finish, session, rows, closed)
        return len(rows)

    def _list_accounts(self, besides: Collection[UUID]) -> Sequence[UUID]:
        with self._sessions() as session:
            return queue.list_accounts(session, besides=besides)

    def _take(self, session: Session, account_id: UUID) -> tuple[Sequence[Event], Deliveries]:
        """Return an account's events and, by workflow, those that it receives."""
        scope = AccountScope(session, account_id, datetime.now(UTC))
        rows = queue.take(scope, limit=BATCH)
        readable = [
            (row, event) for row in rows if (event := self._dispatcher.open(row)) is not None
        ]
        if len(readable) < len(rows):
            log.warning(
                "events_unreadable", account=str(account_id), events=len(rows) - len(readable)
            )
        event_types = {str(event["type"]) for _, event in readable}
        keys = (
            self._dispatcher.routing_keys(session, account_id, event_types) if event_types else {}
        )
        listeners = subscriptions.list_listeners(scope, [*keys.values(), ANY_TYPE])
        deliveries: Deliveries = defaultdict(list)
        for row, event in readable:
            if row.execution_id is not None:
                deliveries[str(ExecutionWorkflowId(row.execution_id))].append(event)
                continue
            matching = {keys[str(event["type"])]} | (set() if row.lifecycle else {ANY_TYPE})
            receivers = {
                listener.workflow_id
                for listener in listeners
                if listener.key in matching and not _is_own(row, listener)
            }
            for workflow_id in sorted(receivers):
                deliveries[workflow_id].append(event)
        return rows, deliveries

    async def _deliver(self, workflow_id: str, events: list[dict[str, Any]]) -> str | None:
        """Signal events to a workflow; return its id when it has closed.

        :raises RPCError: when the delivery must be repeated.
        """
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            for part in _parts(events):
                await handle.signal(EVENT, part)
        except RPCError as error:
            if error.status in SERVER_FAILURES:
                raise
            if error.status != RPCStatusCode.NOT_FOUND:
                log.warning("not_delivered", workflow=workflow_id, status=error.status.name)
                return None
            if await asyncio.to_thread(self._awaits_launch, workflow_id):
                raise
            return workflow_id
        return None

    def _awaits_launch(self, workflow_id: str) -> bool:
        """Tell whether an execution is about to start: then its events wait for it."""
        execution_id = parse_execution(workflow_id)
        if execution_id is None:
            return False
        with self._sessions() as session:
            return queries.awaits_launch(session, execution_id)

    def _finish(self, session: Session, rows: Sequence[Event], closed: Sequence[str]) -> None:
        """Discard the subscriptions of closed workflows, mark the events as routed, and commit."""
        if closed:
            subscriptions.discard(session, closed)
        queue.mark_routed(session, [row.id for row in rows], now=datetime.now(UTC))
        session.commit()

    async def _listen(self) -> None:
        """Wake the router at each message on Redis; without Redis the clock alone drives it."""
        while self._redis_url:
            try:
                async with Redis.from_url(self._redis_url) as redis, redis.pubsub() as channel:
                    await channel.subscribe(queue.WAKE)
                    async for _ in channel.listen():
                        self._doorbell.wake.set()
            except (RedisError, OSError):
                await asyncio.sleep(LOOK_SECONDS)


def rest_seconds(failure_count: int) -> float:
    """Return how long an account rests after so many failures in a row."""
    return min(LOOK_SECONDS * 2.0 ** min(failure_count - 1, 10), REST_SECONDS_MAX)


def _name(error: Exception) -> str:
    return error.code if isinstance(error, EngineError) else type(error).__name__


def _is_own(row: Event, listener: Listener) -> bool:
    """Tell whether a listener's definition is the source of a lifecycle event."""
    return row.lifecycle and row.definition_id == listener.definition_id


def _parts(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the events in order, as many at a time as one signal may have."""
    part: list[dict[str, Any]] = []
    size = 0
    for event in events:
        length = len(orjson.dumps(event))
        if part and (len(part) == SIGNAL_EVENTS_MAX or size + length > SIGNAL_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(event)
        size += length
    if part:
        yield part
