"""The Temporal worker: the one process that holds the engine's private keys."""

from __future__ import annotations

from engine.contracts.task_queue import READING_QUEUE, TASK_QUEUE
from worker.temporal import grpc_environment  # noqa: F401 - before anything loads gRPC

# isort: split
import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client
from temporalio.converter import ExternalStorage
from temporalio.worker import Worker

from engine.activities.asyncapi import AsyncApiActivities
from engine.activities.definitions import DefinitionActivities
from engine.activities.events import EventActivities
from engine.activities.executions import ExecutionActivities
from engine.activities.grpc import GrpcActivities
from engine.activities.http import HttpActivities
from engine.activities.mcp_and_a2a import McpAndA2aActivities
from engine.activities.openapi import OpenApiActivities
from engine.activities.preview import PreviewActivities
from engine.activities.schedules import ScheduleActivities
from engine.activities.step_quota import StepQuota
from engine.activities.timeline import TimelineActivities
from engine.calls.http import HttpCaller
from engine.config.settings import Settings
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.egress.guard import Egress
from engine.egress.resolver import NameResolver
from engine.expressions.sandbox import confinement, kernel, pool, process
from engine.expressions.sandbox.account_shares import AccountShares
from engine.expressions.sandbox.fair_queue import ACCOUNT
from engine.interpreter.runtime.timeline import TimelineOutput
from engine.observability import logging, metrics, tracing
from engine.observability.metrics_publisher import Publisher
from engine.store.sessions import make_sessions
from engine.temporal.command_guard import CommandGuard
from engine.temporal.connection import connect
from engine.temporal.heartbeat_interceptor import Heartbeats
from engine.temporal.outages import FailureClassifier
from engine.temporal.payload_offload import claim_check
from engine.temporal.payload_owners import WorkflowOwners
from engine.temporal_workflows.execution import (
    DefinitionCheckWorkflow,
    ExecutionWorkflow,
    OutcomeReadingWorkflow,
)
from engine.temporal_workflows.firing import FiringWorkflow
from engine.temporal_workflows.preview import DrawingWorkflow, ValidationWorkflow
from engine.temporal_workflows.schedule import ScheduleWorkflow, UpgradedScheduleWorkflow
from engine.workflows.events.dispatch import Dispatcher
from engine.workflows.executions.outcomes import Outcomes
from engine.workflows.executions.timeline_writer import TimelineWriter
from engine.workflows.secrets import SecretOpener
from worker.temporal import builds
from worker.temporal.activity_places import ActivityPlaces
from worker.temporal.core_metrics import Core
from worker.temporal.event_router import Doorbell, Router
from worker.temporal.task_watchdog import WatchedWorkflowRunner

# Each needs a thread, the GIL and child processes. A hundred at once, of one account's flood, block
# one another for seconds, and all of them miss Temporal's deadline of two seconds (ADR 0007).
WORKFLOW_TASKS_AT_ONCE = 8
# A local activity holds a workflow task. So an account waits for its own ones only for a moment,
# which most of them take.
LOCAL_ACTIVITIES_PER_ACCOUNT = 4
LOCAL_WAIT_SECONDS = 0.2
CALLS_AT_ONCE = 200
CALLS_PER_ACCOUNT = 25
CALL_WAIT_SECONDS = 1.0
# Checks and readings: each may take ten seconds, in which it holds a workflow task and a thread.
READINGS_AT_ONCE = 8
READINGS_PER_ACCOUNT = 2
READING_WAIT_SECONDS = 0.25
STATEMENT_SECONDS_MAX = 12.0  # then a database that hangs is an outage of a local activity
THREADS = WORKFLOW_TASKS_AT_ONCE + READINGS_AT_ONCE  # each may wait for one local activity
CONNECTIONS = THREADS // 2  # to the database, and as many more in need
GRACE = timedelta(seconds=20)  # hosts kill after 30
BEAT = timedelta(seconds=2)  # how soon a cancelled activity learns of it
RECONNECT_SECONDS = 1.0


def make_workers(
    client: Client,
    settings: Settings,
    sessions: sessionmaker[Session],
    threads: ThreadPoolExecutor,
    timeline_writer: TimelineWriter,
    runner: WatchedWorkflowRunner,
) -> tuple[list[Worker], Router]:
    """Return the workers of the two task queues and the router, not yet running.

    :raises SettingsError: when key material is missing.
    """
    outcomes = Outcomes(Keyring(settings.secrets("keyring")), settings.value_bytes_max)
    opener = SecretOpener(EngineKeys.parse(settings.need("engine_private_keys")), outcomes.ring)
    doorbell = Doorbell()
    dispatcher = Dispatcher(opener.keys, outcomes.ring, settings.event_bytes_max, doorbell.ring)
    definitions = DefinitionActivities(sessions, opener, settings)
    previews = PreviewActivities(sessions, opener, definitions, settings)
    step_quota = StepQuota(settings.need("redis_url"))
    executions = ExecutionActivities(
        sessions, opener, outcomes, dispatcher, settings, step_quota, timeline_writer
    )
    events = EventActivities(sessions, dispatcher, settings)
    options = _worker_options(client, settings, threads, runner)
    readings: list[Callable[..., Any]] = [
        definitions.check,
        executions.read,
        previews.validate,
        previews.draw,
    ]
    activities: list[Callable[..., Any]] = [
        *(executions.open, executions.settle, definitions.find),
        *(events.publish, events.open, events.fire, events.has_ended),
        *(step_quota.take, TimelineActivities(timeline_writer).flush),
        ScheduleActivities(sessions, settings).fire,
        *_outward(settings),
    ]
    workers = [_make_engine_worker(activities, options), _make_reading_worker(readings, options)]
    return workers, Router(client, sessions, dispatcher, doorbell, settings.redis_url)


def _make_engine_worker(activities: list[Callable[..., Any]], options: dict[str, Any]) -> Worker:
    """Return the worker of executions and schedules."""
    local = AccountShares(LOCAL_ACTIVITIES_PER_ACCOUNT, wait_seconds=LOCAL_WAIT_SECONDS)
    calls = AccountShares(CALLS_PER_ACCOUNT, wait_seconds=CALL_WAIT_SECONDS)
    has_builds = options["deployment_config"] is not None
    return Worker(
        task_queue=TASK_QUEUE,
        workflows=[
            *(ExecutionWorkflow, FiringWorkflow),
            UpgradedScheduleWorkflow if has_builds else ScheduleWorkflow,
        ],
        activities=activities,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS_AT_ONCE,
        max_concurrent_activities=CALLS_AT_ONCE,
        interceptors=[
            *(CommandGuard(), Heartbeats(), FailureClassifier()),
            ActivityPlaces(local, calls),
        ],
        **options,
    )


def _make_reading_worker(readings: list[Callable[..., Any]], options: dict[str, Any]) -> Worker:
    """Return the worker of checks, previews and readings, whose activities are all local."""
    shares = AccountShares(READINGS_PER_ACCOUNT, wait_seconds=READING_WAIT_SECONDS)
    return Worker(
        task_queue=READING_QUEUE,
        workflows=[
            *(DefinitionCheckWorkflow, OutcomeReadingWorkflow),
            *(ValidationWorkflow, DrawingWorkflow),
        ],
        activities=readings,
        max_concurrent_workflow_tasks=READINGS_AT_ONCE,
        no_remote_activities=True,
        interceptors=[CommandGuard(), FailureClassifier(), ActivityPlaces(shares)],
        **options,
    )


def _worker_options(
    client: Client,
    settings: Settings,
    threads: ThreadPoolExecutor,
    runner: WatchedWorkflowRunner,
) -> dict[str, Any]:
    """Return the options that all workers have in common."""
    return {
        "client": client,
        "activity_executor": threads,
        "workflow_runner": runner,
        "graceful_shutdown_timeout": GRACE,
        "max_heartbeat_throttle_interval": BEAT,
        "deployment_config": builds.config(settings),
    }


def _outward(settings: Settings) -> list[Callable[..., Any]]:
    """Return the activities that call other services, all through the egress guard."""
    resolver = NameResolver(account=ACCOUNT.get)
    http = HttpCaller(Egress(allow=settings.egress_allow, resolver=resolver))
    mcp_and_a2a, messages = McpAndA2aActivities(http), AsyncApiActivities(http)
    return [
        *(
            HttpActivities(http).call,
            OpenApiActivities(http).compose,
            mcp_and_a2a.mcp,
            mcp_and_a2a.a2a,
            GrpcActivities(http).call,
        ),
        *(messages.publish, messages.consume),
    ]


async def main() -> None:
    """Run until SIGTERM or SIGINT, then finish running tasks or return them to the server."""
    kernel.hide_memory()  # the environment and the memory have keys
    settings, stop = Settings.from_env(), asyncio.Event()
    logging.configure(settings)
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    tracing.configure(settings, "temporal")
    await asyncio.to_thread(_check_confinement)
    for kind in ("jq", "json_schema", "redaction", "yaml"):
        pool.get_pool(kind).observer = metrics.record_evaluation
    core, runner = Core(), WatchedWorkflowRunner()

    def measure() -> None:
        core.look()
        runner.look()

    publisher = Publisher(settings, "temporal", measure=measure)
    sessions = make_sessions(
        settings, pool_size=CONNECTIONS, statement_seconds_max=STATEMENT_SECONDS_MAX
    )
    # Of parts of calls that take long or ask the system's resolver: a call has at most one.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(CALLS_AT_ONCE))
    storage = claim_check(sessions, bytes_min=settings.claim_bytes_min)
    owners = WorkflowOwners(sessions, Keyring(settings.secrets("keyring")))
    client = await _connected(settings, storage, owners, core)
    publisher.start()
    timeline_writer = TimelineWriter(sessions, settings)
    TimelineOutput.sink = timeline_writer
    with (
        ThreadPoolExecutor(THREADS, thread_name_prefix="activity") as threads,
        timeline_writer.run(),
    ):
        workers, router = make_workers(client, settings, sessions, threads, timeline_writer, runner)
        async with AsyncExitStack() as running_workers:
            for worker in workers:
                await running_workers.enter_async_context(worker)
            running_workers.push_async_callback(_shut_down, workers)
            structlog.get_logger().info("worker_ready", task_queue=TASK_QUEUE)
            routing = asyncio.create_task(router.run())
            promotion = asyncio.create_task(builds.promote(client, settings))
            stopping = asyncio.create_task(stop.wait())
            ended, _ = await asyncio.wait([stopping, routing], return_when=asyncio.FIRST_COMPLETED)
            for work in (promotion, routing):
                work.cancel()
            for one in ended:
                one.result()  # a worker whose router fails has to be restarted
    await asyncio.to_thread(publisher.stop)
    tracing.close()


def _check_confinement() -> None:
    """Measure and log which means of confining child processes this host lacks."""
    missing = process.find_missing_means()
    for means in confinement.MEANS:
        metrics.CONFINEMENT_MISSING.labels(means).set(means in missing)
    if missing:
        structlog.get_logger().warning("confinement_incomplete", missing=missing)


async def _shut_down(workers: list[Worker]) -> None:
    """Shut down all workers together: one after the other would exceed the grace period."""
    await asyncio.gather(*(worker.shutdown() for worker in workers))


async def _connected(
    settings: Settings, storage: ExternalStorage, owners: WorkflowOwners, core: Core
) -> Client:
    """Connect, waiting for a server that is not up yet."""
    while True:
        try:
            return await connect(
                settings, keyed=True, storage=storage, owners=owners, runtime=core.runtime
            )
        except RuntimeError as fault:
            structlog.get_logger().warning("temporal_unreachable", error=str(fault)[:200])
            await asyncio.sleep(RECONNECT_SECONDS)
