"""The Temporal worker: the one process that holds the engine's private keys."""

from __future__ import annotations

from engine.contracts.task_queue import TASK_QUEUE
from worker.temporal import grpc_environment  # noqa: F401 - before anything loads gRPC

# isort: split
import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
from worker.temporal.core_metrics import Core
from worker.temporal.event_router import Doorbell, Router
from worker.temporal.task_watchdog import WatchedWorkflowRunner

THREADS = 8
# Each needs a thread, the GIL and child processes. A hundred at once, of one account's flood, block
# one another for seconds, and all of them miss Temporal's deadline of two seconds (ADR 0007).
WORKFLOW_TASKS_AT_ONCE = 8
GRACE = timedelta(seconds=20)  # hosts kill after 30
BEAT = timedelta(seconds=2)  # how soon a cancelled activity learns of it
RECONNECT_SECONDS = 1.0


def make_worker(
    client: Client,
    settings: Settings,
    sessions: sessionmaker[Session],
    threads: ThreadPoolExecutor,
    timeline_writer: TimelineWriter,
    runner: WatchedWorkflowRunner,
) -> tuple[Worker, Router]:
    """Return the worker and the router, not yet running.

    :raises SettingsError: when key material is missing.
    """
    outcomes = Outcomes(Keyring(settings.secrets("keyring")), settings.value_bytes_max)
    opener = SecretOpener(EngineKeys.parse(settings.need("engine_private_keys")), outcomes.ring)
    doorbell = Doorbell()
    dispatcher = Dispatcher(opener.keys, outcomes.ring, settings.event_bytes_max, doorbell.ring)
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[
            *(ExecutionWorkflow, DefinitionCheckWorkflow, OutcomeReadingWorkflow),
            *(FiringWorkflow, ValidationWorkflow, DrawingWorkflow),
            UpgradedScheduleWorkflow if settings.worker_build_id else ScheduleWorkflow,
        ],
        activities=[
            *_inward(settings, sessions, opener, outcomes, dispatcher, timeline_writer),
            *_outward(settings),
        ],
        activity_executor=threads,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS_AT_ONCE,
        interceptors=[CommandGuard(), Heartbeats(), FailureClassifier()],
        workflow_runner=runner,
        graceful_shutdown_timeout=GRACE,
        max_heartbeat_throttle_interval=BEAT,
        deployment_config=builds.config(settings),
    )
    router = Router(client, sessions, dispatcher, doorbell, settings.redis_url)
    return worker, router


def _inward(
    settings: Settings,
    sessions: sessionmaker[Session],
    opener: SecretOpener,
    outcomes: Outcomes,
    dispatcher: Dispatcher,
    timeline_writer: TimelineWriter,
) -> list[Callable[..., Any]]:
    """Return the activities that use the platform's own database."""
    definitions = DefinitionActivities(sessions, opener, settings)
    previews = PreviewActivities(sessions, opener, definitions, settings)
    step_quota = StepQuota(settings.need("redis_url"))
    executions = ExecutionActivities(
        sessions, opener, outcomes, dispatcher, settings, step_quota, timeline_writer
    )
    events = EventActivities(sessions, dispatcher, settings)
    return [
        *(executions.open, executions.settle, executions.read, definitions.check, definitions.find),
        *(
            previews.validate,
            previews.draw,
            events.publish,
            events.open,
            events.fire,
            events.has_ended,
        ),
        *(step_quota.take, TimelineActivities(timeline_writer).flush),
        ScheduleActivities(sessions, settings).fire,
    ]


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
    sessions = make_sessions(settings, pool_size=THREADS)
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
        worker, router = make_worker(client, settings, sessions, threads, timeline_writer, runner)
        async with worker:
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
