"""Watch-dog of workflow tasks: those that stay open hold a place that no other execution gets.

Temporal's own metrics count a task when it ends. One that never ends is seen here alone.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails
from temporalio.workflow import Info

from engine.observability import metrics

LATE_SECONDS = 10.0


@dataclass(slots=True)
class OpenTask:
    """Workflow task that is open: since when, and how many local activities it waits for."""

    workflow_id: str
    workflow_type: str
    since: float = field(default_factory=time.monotonic)
    local_activities: int = 0
    is_reported: bool = False


class WatchedWorkflowRunner(UnsandboxedWorkflowRunner):
    """Runner that knows the open workflow tasks of its worker.

    It applies no sandbox: the workflow code is ours and contains no user's program.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._tasks: dict[str, OpenTask] = {}  # by run id

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Return an instance whose activations are watched."""
        return _WatchedInstance(super().create_instance(det), det.info, self)

    def look(self) -> None:
        """Set the gauges, and log each task once that has been open for LATE_SECONDS."""
        now = time.monotonic()
        with self._lock:
            ages = {run_id: now - task.since for run_id, task in self._tasks.items()}
            late = [task for run_id, task in self._tasks.items() if ages[run_id] > LATE_SECONDS]
            unreported = [task for task in late if not task.is_reported]
            for task in unreported:
                task.is_reported = True
        metrics.TEMPORAL_TASKS_LATE.set(len(late))
        metrics.TEMPORAL_TASK_OLDEST_SECONDS.set(max(ages.values(), default=0.0))
        for task in unreported:
            structlog.get_logger().warning(
                "workflow_task_late",
                workflow=task.workflow_id,
                type=task.workflow_type,
                local_activities=task.local_activities,
            )

    def begin(self, info: Info, act: WorkflowActivation) -> None:
        """Note that a run is activated: its task is open, and local activities may have ended.

        An eviction ends the task: the worker forgets the run, and no completion follows.
        """
        is_eviction = any(job.HasField("remove_from_cache") for job in act.jobs)
        end_count = sum(job.resolve_activity.is_local for job in act.jobs)
        with self._lock:
            if is_eviction:
                self._tasks.pop(info.run_id, None)
                return
            task = self._tasks.setdefault(
                info.run_id, OpenTask(info.workflow_id, info.workflow_type)
            )
            task.local_activities -= end_count

    def end(self, info: Info, completion: WorkflowActivationCompletion) -> None:
        """Note what a run answered: its task stays open while it has local activities."""
        commands = completion.successful.commands
        start_count = sum(command.HasField("schedule_local_activity") for command in commands)
        with self._lock:
            task = self._tasks.get(info.run_id)
            if task is None:
                return
            task.local_activities += start_count
            if task.local_activities <= 0 or completion.HasField("failed"):
                del self._tasks[info.run_id]


class _WatchedInstance(WorkflowInstance):
    def __init__(
        self, instance: WorkflowInstance, info: Info, runner: WatchedWorkflowRunner
    ) -> None:
        self._instance = instance
        self._info = info
        self._runner = runner

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        self._runner.begin(self._info, act)
        completion = self._instance.activate(act)
        self._runner.end(self._info, completion)
        return completion

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()
