"""Definitions read lately: executions of one share what was read of it, and one is read at a time.

A definition of a megabyte takes up to half a second of Python to read, in the workflow task that begins or
replays an execution, and all tasks of a worker share one interpreter: several that read at once would all
miss the two seconds after which Temporal takes them for stuck, and begin again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from typing import Any

import orjson

from engine.expressions.sandbox.fair_queue import PATIENCE, BusyError, Patience
from engine.interpreter import documents
from engine.language.model import Definition

KEPT = 16
PATIENCE_SECONDS = 1.0  # of waiting for others, before half a second of reading


class Readings:
    """The last definitions, by a digest of the document. Threads may share it: what is read never changes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Definition] = OrderedDict()
        self._reading = threading.Lock()
        self._lock = threading.Lock()

    def parse(self, document: Any) -> Definition:
        """Return the definition that a document describes.

        :raises InvalidError: `definition_invalid`, as `grammar.parse`.
        :raises BusyError: when others are being read: it may be tried again.
        """
        digest = hashlib.blake2b(orjson.dumps(document)).digest()
        found = self._get(digest)
        return self._read(digest, document) if found is None else found

    def _read(self, digest: bytes, document: Any) -> Definition:
        patience, began = PATIENCE.get() or Patience(), time.monotonic()
        if not self._reading.acquire(timeout=max(0.0, patience.left(PATIENCE_SECONDS))):
            patience.spend(time.monotonic() - began)
            raise BusyError("other definitions are being read")
        try:
            patience.spend(time.monotonic() - began)
            found = self._get(digest) or documents.parse(document)
            self._put(digest, found)
        finally:
            self._reading.release()
        return found

    def _get(self, digest: bytes) -> Definition | None:
        with self._lock:
            found = self._kept.get(digest)
            if found is not None:
                self._kept.move_to_end(digest)
            return found

    def _put(self, digest: bytes, found: Definition) -> None:
        with self._lock:
            self._kept[digest] = found
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)


LATELY = Readings()
