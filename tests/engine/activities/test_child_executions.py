"""A child execution has the limits and the outcome of every other execution."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from uuid_utils.compat import uuid7

from engine.activities.executions import ExecutionActivities
from engine.activities.step_quota import StepQuota
from engine.config.settings import Settings
from engine.contracts.child_executions import ChildOrder
from engine.contracts.commands import REFUSED
from engine.contracts.executions import UNOPENABLE, ExecutionStart, OpenedExecution, Settlement
from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.language.json_and_yaml import TEXT_CHARACTERS_MAX
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.workflows import definitions
from engine.workflows.events.dispatch import Dispatcher
from engine.workflows.executions import executions
from engine.workflows.executions.executions import SealedInput
from engine.workflows.executions.outcomes import Outcomes
from engine.workflows.executions.timeline_writer import TimelineWriter
from engine.workflows.secrets import SecretOpener
from tests.support.envelopes import DEK, sealed_document

pytestmark = pytest.mark.stack


NOW = datetime(2126, 1, 2, tzinfo=UTC)  # no relay beside delivers what is due then
DOCUMENT = """
document: {dsl: '1.0.3', namespace: tests, name: case, version: '1.0.0'}
do:
  - nothing: {set: {}}
"""


def activities(sessions: sessionmaker[Session], settings: Settings) -> ExecutionActivities:
    keys = EngineKeys.parse(settings.need("engine_private_keys"))
    outcomes = Outcomes(Keyring(settings.secrets("keyring")), settings.value_bytes_max)
    dispatcher = Dispatcher(keys, outcomes.ring, settings.event_bytes_max, lambda: None)
    opener, quota = SecretOpener(keys, outcomes.ring), StepQuota(settings.need("redis_url"))
    writer = TimelineWriter(sessions, settings)
    return ExecutionActivities(sessions, opener, outcomes, dispatcher, settings, quota, writer)


def open_execution(
    of: ExecutionActivities, start: ExecutionStart, run_id: UUID | None = None
) -> OpenedExecution:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, workflow_run_id=str(run_id or uuid7()))
    opening: OpenedExecution = environment.run(of.open, start)
    return opening


def test_one_execution_too_many_ends_with_the_limits_name(
    sessions: sessionmaker[Session], settings: Settings, account_id: UUID
) -> None:
    with sessions.begin() as session:
        draft = definitions.Draft("name", "sealed", "key")
        definition = definitions.save(AccountScope(session, account_id, NOW), draft)
        order = SealedInput("sealed", seal_result=False)
        orderer = executions.start(AccountScope(session, account_id, NOW), definition, order)
    full = activities(sessions, replace(settings, executions_per_account_max=1))
    execution_id, account = str(uuid7()), str(account_id)
    child_order = ChildOrder(str(orderer.id), str(definition.id), {"n": 1}, 1)
    with pytest.raises(ApplicationError) as refusal:
        open_execution(full, ExecutionStart(execution_id, account, ordered=child_order))
    assert refusal.value.type == UNOPENABLE
    (error,) = refusal.value.details
    assert (error["status"], error["type"].rpartition("/")[2]) == (500, "runtime")
    assert error["detail"].endswith("(concurrentExecutions)")
    full.settle(Settlement(execution_id, account, status="failed", error=error))
    with sessions() as session:
        row = session.get_one(Execution, UUID(execution_id))
        assert (row.status, row.ordered_by) == ("failed", orderer.id)


def test_an_execution_of_a_definition_that_is_more_than_is_read_ends(
    sessions: sessionmaker[Session], settings: Settings, account_id: UUID
) -> None:
    """DEFINITION_BYTES_MAX may let in more."""
    key = next(iter(EngineKeys.parse(settings.need("engine_private_keys")).keys.values()))
    encrypted_data = sealed_document(DEK, "a: " + "x" * TEXT_CHARACTERS_MAX)
    with sessions.begin() as session:
        draft = definitions.Draft("name", encrypted_data, jwe.seal(key, DEK))
        definition = definitions.save(AccountScope(session, account_id, NOW), draft)
        order = SealedInput(jwe.seal(key, b"{}"), seal_result=False)
        started = executions.start(AccountScope(session, account_id, NOW), definition, order)
    lenient = activities(sessions, replace(settings, definition_bytes_max=2 * TEXT_CHARACTERS_MAX))
    with pytest.raises(ApplicationError) as refusal:
        open_execution(lenient, ExecutionStart(str(started.id), str(account_id)))
    assert refusal.value.type == UNOPENABLE
    (error,) = refusal.value.details
    assert error["type"].rpartition("/")[2] == "configuration"


def test_one_run_of_temporal_opens_an_execution_and_none_opens_one_that_has_ended(
    sessions: sessionmaker[Session], settings: Settings, account_id: UUID
) -> None:
    key = next(iter(EngineKeys.parse(settings.need("engine_private_keys")).keys.values()))
    with sessions.begin() as session:
        draft = definitions.Draft("name", sealed_document(DEK, DOCUMENT), jwe.seal(key, DEK))
        definition = definitions.save(AccountScope(session, account_id, NOW), draft)
        order = SealedInput(jwe.seal(key, b"{}"), seal_result=False)
        started = executions.start(AccountScope(session, account_id, NOW), definition, order)
    work, run_id = activities(sessions, settings), uuid7()
    start = ExecutionStart(str(started.id), str(account_id))
    for _ in range(2):  # its local activity may be repeated
        assert open_execution(work, start, run_id).document["document"]["name"] == "case"
    with pytest.raises(ApplicationError) as refusal:
        open_execution(work, start)
    assert (refusal.value.type, refusal.value.non_retryable) == (REFUSED, True)
    work.settle(Settlement(start.execution_id, start.account_id, status="completed"))
    with pytest.raises(ApplicationError) as refusal:
        open_execution(work, start, run_id)
    assert refusal.value.type == REFUSED


def test_an_execution_whose_input_is_nested_too_deeply_ends(
    sessions: sessionmaker[Session], settings: Settings, account_id: UUID
) -> None:
    key = next(iter(EngineKeys.parse(settings.need("engine_private_keys")).keys.values()))
    with sessions.begin() as session:
        draft = definitions.Draft("name", sealed_document(DEK, DOCUMENT), jwe.seal(key, DEK))
        definition = definitions.save(AccountScope(session, account_id, NOW), draft)
        order = SealedInput(jwe.seal(key, b"[" * 900 + b"]" * 900), seal_result=False)
        started = executions.start(AccountScope(session, account_id, NOW), definition, order)
    start = ExecutionStart(str(started.id), str(account_id))
    with pytest.raises(ApplicationError) as refusal:
        open_execution(activities(sessions, settings), start)
    assert refusal.value.type == UNOPENABLE
    assert refusal.value.details[0]["detail"].endswith("(stepDataDepth)")
