"""Looks at definitions: opened here, told to whoever asked under a key of its own, and forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import orjson
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from engine.activities.definitions import DefinitionActivities, diagnosis_of
from engine.contracts.preview import (
    DRAW_DEFINITION,
    MERMAID,
    VALIDATE_DEFINITION,
    Drawing,
    Validation,
)
from engine.crypto import jwe
from engine.crypto.public_keys import require_encryption_key
from engine.errors import EngineError, TooLargeError
from engine.expressions.sandbox.fair_queue import ACCOUNT
from engine.interpreter import documents, graph, mermaid
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.workflows import versions
from engine.workflows.executions.outcomes import Outcomes
from engine.workflows.secrets import SecretOpener

# Sealed twice, each time four bytes of three, this still is less than Temporal takes (2 MiB).
GRAPH_BYTES_MAX = 1_048_576
FAULTS_BYTES_MAX = 524_288


class LookActivities:
    """Holds the database, the engine's private keys and the check of definitions."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        opener: SecretOpener,
        outcomes: Outcomes,
        definitions: DefinitionActivities,
    ) -> None:
        self._sessions = sessions
        self._keys = opener.keys
        self._outcomes = outcomes
        self._definitions = definitions

    @activity.defn(name=VALIDATE_DEFINITION)
    def validate(self, validation: Validation) -> str:
        """Return what is wrong with a definition that is not saved."""
        ACCOUNT.set(validation.account_id)
        opened = self._keys.open(
            validation.sealed, pointer="", bytes_max=2 * self._definitions.definition_bytes_max
        )
        sent = orjson.loads(opened)
        _, faults = self._definitions.looked_at(sent["encryptedData"], sent["encryptionKey"])
        with self._sessions() as session:
            diagnosis = diagnosis_of(session.get_one(Account, UUID(validation.account_id)), faults)
        whole = diagnosis.jwe is not None and len(diagnosis.jwe) <= FAULTS_BYTES_MAX
        told = {
            "valid": not faults,
            "diagnostics": [
                {"pointer": fault.pointer, "detail": fault.detail} for fault in diagnosis.faults
            ],
            "diagnosticsSealed": diagnosis.jwe if whole else None,
        }
        return self._outcomes.reply(validation.reply_key, told)

    @activity.defn(name=DRAW_DEFINITION)
    def draw(self, drawing: Drawing) -> str:
        """Return the graph of a definition's version: `{"graph"}`, or `{"refused"}` and why."""
        account_id, definition_id = UUID(drawing.account_id), UUID(drawing.definition_id)
        with self._sessions() as session:
            scope = AccountScope(session, account_id, datetime.now(UTC))
            found = versions.find(scope, definition_id, drawing.version)
            public_key = session.get_one(Account, account_id).public_key
        try:
            text = self._drawn(found.encrypted_data, found.encryption_key, drawing.form)
            if drawing.sealed:
                told = {"graph": jwe.seal(require_encryption_key(public_key), text)}
            else:
                told = {"graph": orjson.loads(text)}
        except TooLargeError as refusal:
            told = {"refused": refusal.detail}
        except EngineError:  # its places quote the document
            told = {"refused": "The workflow cannot be drawn: its diagnostics say why."}
        return self._outcomes.reply(drawing.reply_key, told)

    def _drawn(self, encrypted_data: str, encryption_key: str, form: str) -> bytes:
        """Return the graph as JSON: an object, or for Mermaid a text.

        :raises EngineError: when the definition cannot be opened, read or drawn.
        """
        drawn = graph.draw(
            documents.parse(self._definitions.opened(encrypted_data, encryption_key))
        )
        shown = mermaid.render(drawn) if form == MERMAID else drawn.to_json()
        # A name may hold half of a surrogate pair, which is no text that could be sent.
        text = json.dumps(shown, ensure_ascii=False).encode(errors="replace")
        if len(text) > GRAPH_BYTES_MAX:
            raise TooLargeError("graph_too_large", f"A graph may have {GRAPH_BYTES_MAX} bytes.")
        return text
