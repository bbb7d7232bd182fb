"""Activities that validate and draw definitions, without storing anything.

The results are encrypted to the requester's reply key.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import orjson
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from engine.activities.definitions import DefinitionActivities, diagnosis_of
from engine.activities.replies import reply_to
from engine.config.settings import Settings
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
from engine.interpreter import documents, graph, mermaid
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.temporal.outages import is_outage, log_defect
from engine.workflows import versions
from engine.workflows.secrets import SecretOpener

# Encrypted twice, each time with four bytes for three, this is less than Temporal's 2 MiB.
GRAPH_BYTES_MAX = 1_048_576
FAULTS_BYTES_MAX = 524_288


class PreviewActivities:
    """Activities of previews."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        opener: SecretOpener,
        definitions: DefinitionActivities,
        settings: Settings,
    ) -> None:
        self._sessions = sessions
        self._keys = opener.keys
        self._definitions = definitions
        self._settings = settings

    @activity.defn(name=VALIDATE_DEFINITION)
    def validate(self, validation: Validation) -> str:
        """Return the faults of a definition that is not saved."""
        plaintext = self._keys.open(
            validation.sealed, pointer="", bytes_max=2 * self._definitions.definition_bytes_max
        )
        envelope = orjson.loads(plaintext)
        _, faults = self._definitions.check_envelope(
            envelope["encryptedData"], envelope["encryptionKey"]
        )
        with self._sessions() as session:
            diagnosis = diagnosis_of(session.get_one(Account, UUID(validation.account_id)), faults)
        fits = diagnosis.jwe is not None and len(diagnosis.jwe) <= FAULTS_BYTES_MAX
        result = {
            "valid": not faults,
            "diagnostics": [
                {"pointer": fault.pointer, "detail": fault.detail} for fault in diagnosis.faults
            ],
            "diagnosticsSealed": diagnosis.jwe if fits else None,
        }
        return reply_to(validation.reply_key, result, self._settings)

    @activity.defn(name=DRAW_DEFINITION)
    def draw(self, drawing: Drawing) -> str:
        """Return the graph of a version: `{"graph"}`, or `{"refused"}` with the reason."""
        account_id, definition_id = UUID(drawing.account_id), UUID(drawing.definition_id)
        with self._sessions() as session:
            definition = versions.find(
                AccountScope(session, account_id, datetime.now(UTC)), definition_id, drawing.version
            )
            public_key = session.get_one(Account, account_id).public_key
        try:
            text = self._draw(definition.encrypted_data, definition.encryption_key, drawing.form)
            if drawing.sealed:
                result = {"graph": jwe.seal(require_encryption_key(public_key), text)}
            else:
                result = {"graph": orjson.loads(text)}
        except TooLargeError as refusal:
            result = {"refused": refusal.detail}
        except EngineError:  # whose pointers quote the document
            result = {"refused": "The workflow cannot be drawn: its diagnostics say why."}
        except Exception as error:
            if is_outage(error):
                raise
            log_defect("definition_undrawn", error, definition=drawing.definition_id)
            result = {"refused": "The engine failed to draw the workflow."}
        return reply_to(drawing.reply_key, result, self._settings)

    def _draw(self, encrypted_data: str, encryption_key: str, form: str) -> bytes:
        """Return the graph as JSON: an object, or for Mermaid a text.

        :raises EngineError: when the definition cannot be decrypted, read or drawn.
        """
        definition_graph = graph.draw(
            documents.parse(self._definitions.open_envelope(encrypted_data, encryption_key))
        )
        value = mermaid.render(definition_graph) if form == MERMAID else definition_graph.to_json()
        # A name may have half of a surrogate pair, which UTF-8 cannot encode.
        text = json.dumps(value, ensure_ascii=False).encode(errors="replace")
        if len(text) > GRAPH_BYTES_MAX:
            raise TooLargeError("graph_too_large", f"A graph may have {GRAPH_BYTES_MAX} bytes.")
        return text
