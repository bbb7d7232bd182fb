"""The check of a definition that was just saved: opened here, refused with pointers, forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import orjson
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from engine import definitions
from engine.definitions import Diagnosis
from engine.errors import EngineError, Fault
from engine.interpreter import contracts, grammar
from engine.store.models import Account, Definition
from engine.vault import envelope
from engine.vault.envelope import EngineKeys
from engine.vault.public_keys import sealable


class DefinitionActivities:
    """Holds the database and the engine's private keys."""

    def __init__(
        self, sessions: sessionmaker[Session], keys: EngineKeys, *, definition_bytes_max: int
    ) -> None:
        self._sessions = sessions
        self._keys = keys
        self._bytes_max = definition_bytes_max

    @activity.defn(name=contracts.CHECK_DEFINITION)
    def check(self, check: contracts.DefinitionCheck) -> list[str]:
        """Open a definition, check it against the grammar, and store what is wrong with it.

        Return the triggers of its schedule, if nothing is.
        """
        account_id, definition_id = UUID(check.account_id), UUID(check.definition_id)
        with self._sessions.begin() as session:
            definition = definitions.find(session, account_id=account_id, definition_id=definition_id)
            faults, triggers = self._checked(definition)
            definitions.diagnose(
                session,
                account_id=account_id,
                definition_id=definition_id,
                diagnosis=_diagnosis(session.get_one(Account, account_id), faults),
                now=datetime.now(UTC),
            )
        return triggers

    def _checked(self, definition: Definition) -> tuple[list[Fault], list[str]]:
        try:
            text, content_type = envelope.open_definition(
                self._keys,
                encrypted_data=definition.encrypted_data,
                encryption_key=definition.encryption_key,
                bytes_max=self._bytes_max,
            )
            document = grammar.read(text, content_type)
            faults = grammar.check(document)
            schedule = None if faults else grammar.parse(document).schedule
            return faults, [*schedule.triggers()] if schedule else []
        except EngineError as refusal:
            return list(refusal.faults) or [Fault("", refusal.detail)], []


def _diagnosis(account: Account, faults: list[Fault]) -> Diagnosis:
    key = sealable(account.public_key)
    if key is None or not faults:
        return Diagnosis([fault.unquoted() for fault in faults])
    told = [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults]
    return Diagnosis([fault.unquoted() for fault in faults], envelope.seal(key, orjson.dumps(told)))
