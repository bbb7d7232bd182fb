"""While a definition is read and checked, its row is free for all others."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from engine.activities.definitions import DefinitionActivities
from engine.config.settings import Settings
from engine.contracts.definitions import DefinitionCheck
from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.errors import Fault
from engine.store.account_scope import AccountScope
from engine.workflows import definitions
from engine.workflows.secrets import SecretOpener
from tests.support.envelopes import DEK, sealed_document

pytestmark = pytest.mark.stack

LOCK = text("SELECT id FROM definitions WHERE account_id = :account_id FOR UPDATE NOWAIT")
NOW = datetime(2126, 1, 2, tzinfo=UTC)  # no relay beside delivers what is due then
DOCUMENT = """
document: {dsl: '1.0.3', namespace: checks, name: one, version: '1.0.0'}
do: [{one: {set: {a: 1}}}]
"""


class ObservedActivities(DefinitionActivities):
    """Activities that lock the definition's row elsewhere while they check its document."""

    account_id: UUID
    locks = 0

    def check_envelope(
        self, encrypted_data: str, encryption_key: str
    ) -> tuple[dict[str, Any], list[Fault]]:
        with self._sessions.begin() as session:
            self.locks += len(session.execute(LOCK, {"account_id": self.account_id}).all())
        return super().check_envelope(encrypted_data, encryption_key)


def test_a_check_locks_no_row_while_it_reads(
    sessions: sessionmaker[Session], settings: Settings, account_id: UUID
) -> None:
    keys = EngineKeys.parse(settings.need("engine_private_keys"))
    key = next(iter(keys.keys.values()))
    with sessions.begin() as session:
        draft = definitions.Draft("name", sealed_document(DEK, DOCUMENT), jwe.seal(key, DEK))
        definition = definitions.save(AccountScope(session, account_id, NOW), draft)
    opener = SecretOpener(keys, Keyring(settings.secrets("keyring")))
    checks = ObservedActivities(sessions, opener, settings)
    checks.account_id = account_id
    assert checks.check(DefinitionCheck(str(definition.id), str(account_id))) == []
    assert checks.locks == 1
    with sessions() as session:
        checked = definitions.find(AccountScope(session, account_id, NOW), definition.id)
        assert (checked.diagnostics, checked.checked_at is None) == ([], False)
