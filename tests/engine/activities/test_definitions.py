"""A check of a definition ends, whatever the engine meets in it."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from engine.activities.definitions import DEFECT, DefinitionActivities
from engine.config.settings import Settings
from engine.contracts.definitions import DefinitionCheck
from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.interpreter import documents
from engine.store.account_scope import AccountScope
from engine.store.accounts import AccountKey
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.definitions import Draft
from engine.workflows.secrets import SecretOpener
from tests.support.envelopes import DEK, sealed_document

pytestmark = pytest.mark.stack

NOW = datetime(2126, 1, 2, tzinfo=UTC)
DOCUMENT = """
document: {dsl: '1.0.3', namespace: n, name: sound, version: '1.0.0'}
do:
  - one: {set: {a: 1}}
"""
DIAGNOSTICS = [{"pointer": DEFECT.pointer, "detail": DEFECT.detail}]


@pytest.fixture
def activities(sessions: sessionmaker[Session], settings: Settings) -> DefinitionActivities:
    keys = EngineKeys.parse(settings.need("engine_private_keys"))
    opener = SecretOpener(keys, Keyring(settings.secrets("keyring")))
    return DefinitionActivities(sessions, opener, settings)


@pytest.fixture
def definition(sessions: sessionmaker[Session], settings: Settings, account_id: UUID) -> Definition:
    key = next(iter(EngineKeys.parse(settings.need("engine_private_keys")).keys.values()))
    with sessions.begin() as session:
        draft = Draft("name", sealed_document(DEK, DOCUMENT), jwe.seal(key, DEK))
        return definitions.save(AccountScope(session, account_id, NOW), draft)


def diagnostics(sessions: sessionmaker[Session], definition: Definition) -> object:
    with sessions() as session:
        row = session.get_one(Definition, definition.id)
        assert row.checked_at is not None
        return row.diagnostics


def order(definition: Definition) -> DefinitionCheck:
    return DefinitionCheck(str(definition.id), str(definition.account_id))


def test_a_document_at_which_the_engine_fails_has_that_as_its_fault(
    activities: DefinitionActivities,
    definition: Definition,
    sessions: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def overflow(_document: object) -> None:
        raise RecursionError

    monkeypatch.setattr(documents, "check", overflow)
    assert activities.check(order(definition)) == []
    assert diagnostics(sessions, definition) == DIAGNOSTICS


def test_a_definition_of_an_account_whose_key_is_lost_is_checked_once(
    activities: DefinitionActivities, definition: Definition, sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        session.add(AccountKey(account_id=definition.account_id, wrapped_key="nobodys.AAAA"))
    assert activities.check(order(definition)) == []
    assert diagnostics(sessions, definition) == DIAGNOSTICS


def test_a_check_that_took_too_long_is_stored_as_that(
    activities: DefinitionActivities, definition: Definition, sessions: sessionmaker[Session]
) -> None:
    assert activities.check(replace(order(definition), is_defective=True)) == []
    assert diagnostics(sessions, definition) == DIAGNOSTICS


def test_an_outage_leaves_the_check_to_another_attempt(
    activities: DefinitionActivities, definition: Definition, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disconnect(_document: object) -> None:
        raise OperationalError("", {}, Exception(), connection_invalidated=True)

    monkeypatch.setattr(documents, "check", disconnect)
    with pytest.raises(OperationalError):
        activities.check(order(definition))
