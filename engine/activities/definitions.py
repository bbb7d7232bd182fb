"""Activities that check a definition after its saving, and find one for a child execution."""

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
from engine.activities.schedules import find_excess, store_schedules
from engine.config.settings import Settings
from engine.contracts.child_executions import FIND_DEFINITION, DefinitionName
from engine.contracts.definitions import CHECK_DEFINITION, DefinitionCheck
from engine.contracts.workflow_ids import VersionReference
from engine.crypto import jwe, keyring
from engine.crypto.public_keys import find_encryption_key
from engine.errors import EngineError, Fault, NotFoundError
from engine.interpreter import documents
from engine.interpreter.constructs.run_task import LATEST
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.temporal.outages import is_outage, log_defect
from engine.workflows import definitions, versions
from engine.workflows.definitions import Diagnosis
from engine.workflows.secrets import SecretOpener

DEFECT = Fault("", "the engine failed to check this definition")


class DefinitionActivities:
    """Activities of definitions; with the engine's private keys they can decrypt them."""

    def __init__(
        self, sessions: sessionmaker[Session], opener: SecretOpener, settings: Settings
    ) -> None:
        self._sessions = sessions
        self._keys, self._ring = opener.keys, opener.ring
        self.definition_bytes_max = settings.definition_bytes_max
        self._schedules_max = settings.schedules_per_account_max

    @activity.defn(name=CHECK_DEFINITION)
    def check(self, check: DefinitionCheck) -> list[str]:
        """Decrypt a definition's version, check it, and store its faults.

        Unless there is a newer version, its times become schedules of the account, and the result
        has its other triggers. A version with faults has neither. One at which the engine itself
        fails has DEFECT as its fault.
        """
        try:
            if not check.is_defective:
                return self._check(check)
        except NotFoundError:  # it was deleted
            raise
        except Exception as error:
            if is_outage(error):
                raise
            log_defect("definition_unchecked", error, definition=check.definition_id)
        with self._sessions.begin() as session:
            scope = AccountScope(session, UUID(check.account_id), datetime.now(UTC))
            version = VersionReference(UUID(check.definition_id), check.version)
            definitions.diagnose(scope, version, Diagnosis([DEFECT]))
        return []

    def _check(self, check: DefinitionCheck) -> list[str]:
        account_id, triggers = UUID(check.account_id), list[str]()
        version = VersionReference(UUID(check.definition_id), check.version)
        with self._sessions.begin() as session:
            scope = AccountScope(session, account_id, datetime.now(UTC))
            definition_version = versions.find(scope, version.definition_id, version.version)
        # A check may take seconds: no transaction waits meanwhile, and no row is locked.
        document, faults = self.check_envelope(
            definition_version.encrypted_data, definition_version.encryption_key
        )
        schedule = None if faults else documents.parse(document).schedule
        with self._sessions.begin() as session:
            scope = AccountScope(session, account_id, datetime.now(UTC))
            newest = definitions.find(scope, version.definition_id, lock=True)
            is_newest = newest.version == check.version
            if not faults and is_newest:
                faults = find_excess(scope, newest, schedule, schedules_max=self._schedules_max)
            diagnosis = diagnosis_of(session.get_one(Account, account_id), faults)
            if not faults:
                key = encryption_keys.obtain(session, self._ring, account_id=account_id)
                family, reference = _marks(key, document["document"])
                diagnosis = replace(diagnosis, family=family, reference=reference)
            definitions.diagnose(scope, version, diagnosis)
            if is_newest:
                triggers = store_schedules(scope, self._keys, newest, None if faults else schedule)
        return triggers

    @activity.defn(name=FIND_DEFINITION)
    async def find(self, name: DefinitionName) -> str:
        """Return the id of the definition that `run: workflow` names.

        :raises ApplicationError: of type configuration, when the account has no such definition
            without faults.
        """
        return await asyncio.to_thread(self._find, name)

    def _find(self, name: DefinitionName) -> str:
        account_id = UUID(name.account_id)
        with self._sessions.begin() as session:
            key = encryption_keys.obtain(session, self._ring, account_id=account_id)
            family, reference = _marks(key, asdict(name))
            definition = definitions.find_by_marks(
                AccountScope(session, account_id, datetime.now(UTC)),
                family=family,
                reference=None if name.version == LATEST else reference,
            )
            if definition is None:
                message = "the account has no such workflow that can run"
                raise ApplicationError(message, type="configuration", non_retryable=True)
            return str(definition.id)

    def check_envelope(
        self, encrypted_data: str, encryption_key: str
    ) -> tuple[dict[str, Any], list[Fault]]:
        """Return the decrypted document and its faults."""
        try:
            document = self.open_envelope(encrypted_data, encryption_key)
            return document, documents.check(document)
        except EngineError as refusal:
            return {}, list(refusal.faults) or [Fault("", refusal.detail)]
        except Exception as error:
            if is_outage(error):
                raise
            log_defect("definition_unread", error)
            return {}, [DEFECT]

    def open_envelope(self, encrypted_data: str, encryption_key: str) -> dict[str, Any]:
        """Return the decrypted document.

        :raises EngineError: when it cannot be decrypted, or is no document.
        """
        text, content_type = jwe.open_definition(
            self._keys,
            encrypted_data=encrypted_data,
            encryption_key=encryption_key,
            bytes_max=self.definition_bytes_max,
        )
        return documents.read(text, content_type)


def _marks(key: bytes, header: dict[str, Any]) -> tuple[str, str]:
    """Return the fingerprints of a document's namespace and name, and of these and the version."""
    family = (str(header["namespace"]), str(header["name"]))
    return keyring.fingerprint(key, *family), keyring.fingerprint(
        key, *family, str(header["version"])
    )


def diagnosis_of(account: Account, faults: list[Fault]) -> Diagnosis:
    """Return the redacted faults, and all of them encrypted to the account's key if it has one."""
    key = find_encryption_key(account.public_key)
    if key is None or not faults:
        return Diagnosis([fault.redact() for fault in faults])
    members = [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults]
    return Diagnosis([fault.redact() for fault in faults], jwe.seal(key, orjson.dumps(members)))
