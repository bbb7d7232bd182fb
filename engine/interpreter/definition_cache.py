"""Cache of definitions: executions of one document share its parsed form.

A document of a megabyte takes up to half a second of Python to parse. This happens in the workflow
task that starts or replays an execution. All workflow tasks of a worker share one Python process.
Several that parse at once would all miss the two seconds after which Temporal takes them for stuck,
and start again. So one thread parses at a time.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from typing import Any

import orjson

from engine.expressions.sandbox.fair_queue import WAIT_BUDGET, BusyError, WaitBudget
from engine.interpreter import documents
from engine.language.model import WorkflowDefinition

ENTRIES_MAX = 16
WAIT_SECONDS_MAX = 1.0  # of waiting for other threads, before half a second of parsing


class DefinitionCache:
    """Cache of the last definitions, by the document's digest; threads share the frozen values."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, WorkflowDefinition] = OrderedDict()
        self._parsing = threading.Lock()
        self._lock = threading.Lock()

    def parse(self, document: Any) -> WorkflowDefinition:
        """Return the definition that a document describes.

        :raises InvalidError: `definition_invalid`, as `documents.parse`.
        :raises BusyError: when other threads parse for too long; a new attempt may succeed.
        """
        digest = hashlib.blake2b(orjson.dumps(document)).digest()
        definition = self._get(digest)
        return self._parse(digest, document) if definition is None else definition

    def _parse(self, digest: bytes, document: Any) -> WorkflowDefinition:
        budget, start = WAIT_BUDGET.get() or WaitBudget(), time.monotonic()
        if not self._parsing.acquire(timeout=max(0.0, budget.remaining(WAIT_SECONDS_MAX))):
            budget.spend(time.monotonic() - start)
            raise BusyError("other definitions are being read")
        try:
            budget.spend(time.monotonic() - start)
            definition = self._get(digest) or documents.parse(document)
            self._store(digest, definition)
        finally:
            self._parsing.release()
        return definition

    def _get(self, digest: bytes) -> WorkflowDefinition | None:
        with self._lock:
            definition = self._entries.get(digest)
            if definition is not None:
                self._entries.move_to_end(digest)
            return definition

    def _store(self, digest: bytes, definition: WorkflowDefinition) -> None:
        with self._lock:
            self._entries[digest] = definition
            if len(self._entries) > ENTRIES_MAX:
                self._entries.popitem(last=False)


DEFINITIONS = DefinitionCache()
