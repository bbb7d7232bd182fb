"""The check of a definition that was just saved: opened here, refused with pointers, forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.accounts import encryption_keys
from engine.activities.schedules import too_many, write_down
from engine.config.settings import Settings
from engine.contracts import executions
from engine.contracts.child_executions import DefinitionName
from engine.crypto import jwe, keyring
from engine.crypto.public_keys import sealable
from engine.errors import EngineError, Fault
from engine.expressions.sandbox.fair_queue import ACCOUNT
from engine.interpreter import documents
from engine.interpreter.constructs.run_task import LATEST
from engine.store.accounts import Account
from engine.workflows import definitions, versions
from engine.workflows.definitions import Diagnosis
from engine.workflows.secrets import Opener


class DefinitionActivities:
    """Holds the database and the engine's private keys."""

    def __init__(self, sessions: sessionmaker[Session], opener: Opener, settings: Settings) -> None:
        self._sessions = sessions
        self._keys, self._ring = opener.keys, opener.ring
        self.definition_bytes_max = settings.definition_bytes_max
        self._schedules_max = settings.schedules_per_account_max

    @activity.defn(name=executions.CHECK_DEFINITION)
    def check(self, check: executions.DefinitionCheck) -> list[str]:
        """Open a definition's version, check it against the grammar, and store what is wrong with it.

        Unless a newer version is there, its times become schedules of the account; what else triggers it
        is returned. One that cannot run has neither.
        """
        ACCOUNT.set(check.account_id)
        account_id, definition_id = UUID(check.account_id), UUID(check.definition_id)
        now, triggers = datetime.now(UTC), list[str]()
        with self._sessions.begin() as session:
            newest = definitions.find(
                session, account_id=account_id, definition_id=definition_id, lock=True
            )
            found = versions.find(
                session, account_id=account_id, definition_id=definition_id, version=check.version
            )
            document, faults = self.check_envelope(found.encrypted_data, found.encryption_key)
            superseded = newest.version != check.version
            if not faults and not superseded:
                faults = too_many(session, newest, document, schedules_max=self._schedules_max)
            diagnosis = diagnosis_of(session.get_one(Account, account_id), faults)
            if not faults:
                key = encryption_keys.obtain(session, self._ring, account_id=account_id)
                family, reference = _marks(key, document["document"])
                diagnosis = replace(diagnosis, family=family, reference=reference)
            definitions.diagnose(
                session,
                account_id=account_id,
                definition_id=definition_id,
                diagnosis=diagnosis,
                now=now,
                version=check.version,
            )
            if not superseded:
                triggers = write_down(session, self._keys, newest, {} if faults else document, now)
        return triggers

    @activity.defn(name=executions.FIND_DEFINITION)
    async def find(self, wanted: DefinitionName) -> str:
        """Return the id of the definition that `run: workflow` means.

        :raises ApplicationError: of type configuration, when the account has no such definition that can run.
        """
        return await asyncio.to_thread(self._find, wanted)

    def _find(self, wanted: DefinitionName) -> str:
        account_id = UUID(wanted.account_id)
        with self._sessions.begin() as session:
            key = encryption_keys.obtain(session, self._ring, account_id=account_id)
            family, reference = _marks(key, asdict(wanted))
            found = definitions.find_marked(
                session,
                account_id=account_id,
                family=family,
                reference=None if wanted.version == LATEST else reference,
            )
            if found is None:
                message = "the account has no such workflow that can run"
                raise ApplicationError(message, type="configuration", non_retryable=True)
            return str(found.id)

    def check_envelope(
        self, encrypted_data: str, encryption_key: str
    ) -> tuple[dict[str, Any], list[Fault]]:
        """Return the document that was sealed, and all for which it is refused."""
        try:
            document = self.open_envelope(encrypted_data, encryption_key)
            return document, documents.check(document)
        except EngineError as refusal:
            return {}, list(refusal.faults) or [Fault("", refusal.detail)]

    def open_envelope(self, encrypted_data: str, encryption_key: str) -> dict[str, Any]:
        """Return the document that was sealed.

        :raises EngineError: when it does not open, or is none.
        """
        text, content_type = jwe.open_definition(
            self._keys,
            encrypted_data=encrypted_data,
            encryption_key=encryption_key,
            bytes_max=self.definition_bytes_max,
        )
        return documents.read(text, content_type)


def _marks(key: bytes, header: dict[str, Any]) -> tuple[str, str]:
    """Return by what a document with this header is found: all its three words but the version, and all."""
    family = (str(header["namespace"]), str(header["name"]))
    return keyring.mark(key, *family), keyring.mark(key, *family, str(header["version"]))


def diagnosis_of(account: Account, faults: list[Fault]) -> Diagnosis:
    """Return what may be told of faults, and all of it sealed to the account's key, if it has one."""
    key = sealable(account.public_key)
    if key is None or not faults:
        return Diagnosis([fault.unquoted() for fault in faults])
    told = [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults]
    return Diagnosis([fault.unquoted() for fault in faults], jwe.seal(key, orjson.dumps(told)))
