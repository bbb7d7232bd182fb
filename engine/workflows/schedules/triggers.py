"""Triggers in a definition's document: times are schedules, workflows await the others."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select

from engine.contracts.outbox_messages import TriggersEnd
from engine.contracts.workflow_ids import TriggerWorkflowId, VersionReference
from engine.crypto.public_keys import find_encryption_key
from engine.errors import NotFoundError
from engine.language.schedule import WAITING_TRIGGERS
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.store.executions import Execution
from engine.store.schedules import Schedule
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.events import subscriptions
from engine.workflows.executions import executions
from engine.workflows.executions.executions import AssignedId, ExecutionLimits, SealedInput
from engine.workflows.schedules import schedules
from engine.workflows.schedules.recurrence import Plan


def store_schedules(
    scope: AccountScope, plans: Mapping[str, Plan], *, definition: Definition, input_jwe: str
) -> None:
    """Replace a definition's own schedules by those of its document; `plans` has them by trigger.

    A schedule whose trigger remains keeps its id, and stays paused if it was.
    """
    session = scope.session
    rows = select(Schedule).where(
        Schedule.definition_id == definition.id, Schedule.trigger.is_not(None)
    )
    schedules_before = {schedule.trigger: schedule for schedule in session.scalars(rows)}
    sealed_input = SealedInput(input_jwe, _seals_result(scope))
    for trigger, plan in plans.items():
        schedule = schedules_before.pop(trigger, None)
        if schedule is None:
            schedules.store(
                scope, plan, definition=definition, sealed_input=sealed_input, trigger=trigger
            )
        elif schedules.plan_of(schedule) != plan:
            if plan.every != schedule.every:
                schedule.counted_from = scope.now
            schedules.write_plan(schedule, plan)
            schedules.record_change(scope, schedule)
    for schedule in schedules_before.values():
        schedules.append_sync(scope, schedule, delay_seconds=0)
        session.delete(schedule)


def fire(
    scope: AccountScope,
    version: VersionReference,
    *,
    execution_id: UUID,
    input_jwe: str,
    limits: ExecutionLimits,
) -> bool:
    """Store the execution that a trigger starts, once; tell whether the version is the newest one.

    Its result is sealed to the account's public key where there is one.

    :raises ConflictError: `executions_too_many`.
    :raises ForbiddenError: `quota_exceeded`.
    """
    try:
        definition = definitions.find(scope, version.definition_id, lock=True)
    except NotFoundError:
        return False
    if definition.version != version.version:
        return False
    if scope.session.get(Execution, execution_id) is None:
        executions.admit(scope, input_jwe, limits)
        sealed_input = SealedInput(input_jwe, _seals_result(scope))
        executions.start(scope, definition, sealed_input, assigned=AssignedId(execution_id))
    return True


def end_triggers(scope: AccountScope, definition: Definition) -> None:
    """End the workflows that await the triggers of a definition's newest version.

    The definition's schedules stay until the check of the next version replaces them. Unchecked,
    none starts an execution. A trigger's workflow first looks whether its version is still the
    newest, so that none that begins during this end continues.
    """
    version = VersionReference(definition.id, definition.version)
    message = TriggersEnd(scope.account_id, version)
    outbox.append(scope.session, message, now=scope.now, delay_seconds=0)
    subscriptions.discard(scope.session, workflow_ids(version))


def workflow_ids(version: VersionReference) -> list[str]:
    """Return the ids of all workflows that the triggers of a version may have."""
    return [str(TriggerWorkflowId(version, trigger)) for trigger in WAITING_TRIGGERS]


def _seals_result(scope: AccountScope) -> bool:
    account = scope.session.get_one(Account, scope.account_id)
    return find_encryption_key(account.public_key) is not None
