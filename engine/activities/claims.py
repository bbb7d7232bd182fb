"""The claim check: how the worker's data converter puts large payloads aside, and finds them again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverSelectContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)

from engine.claims import fetch, keep
from engine.interpreter.contracts import SEALED_ENCODING

# An activity's result is lost with the call it came from: a database that restarts is waited for.
PAUSES_SECONDS = (0.1, 0.3, 1.0, 2.0)

T = TypeVar("T")


def claim_check(sessions: sessionmaker[Session], *, bytes_min: int) -> ExternalStorage:
    """Return the storage of payloads of `bytes_min` and more; it sees them sealed by the codec."""
    driver = ClaimDriver(sessions)

    def chosen(context: StorageDriverSelectContext, payload: Payload) -> StorageDriver | None:
        # A reply is read by web, which neither has the codec's keys nor looks into this table.
        is_reply = payload.metadata.get("encoding") == SEALED_ENCODING
        return None if is_reply or not isinstance(context.target, StorageDriverWorkflowInfo) else driver

    return ExternalStorage([driver], driver_selector=chosen, payload_size_threshold=bytes_min)


class ClaimDriver(StorageDriver):
    """Keeps payloads as claims."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions

    def name(self) -> str:
        """Return what references in histories call this driver."""
        return "claims"

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        """Keep payloads for the workflow they belong to."""
        target = context.target
        assert isinstance(target, StorageDriverWorkflowInfo)  # noqa: S101 - chosen for nothing else
        written = [payload.SerializeToString() for payload in payloads]

        def work(session: Session) -> list[UUID]:
            return keep(session, written, workflow_id=target.id or "", run_id=target.run_id or "")

        return [StorageDriverClaim({"id": str(claim_id)}) for claim_id in await self._in_session(work)]

    async def retrieve(
        self,
        context: StorageDriverRetrieveContext,  # noqa: ARG002 - the SDK's signature
        claims: Sequence[StorageDriverClaim],
    ) -> list[Payload]:
        """Return the payloads that were kept.

        :raises NotFoundError: when one is no more.
        """
        ids = [UUID(claim.claim_data["id"]) for claim in claims]
        found = await self._in_session(lambda session: fetch(session, ids))
        return [Payload.FromString(data) for data in found]

    async def _in_session(self, work: Callable[[Session], T]) -> T:
        def once() -> T:
            with self._sessions.begin() as session:
                return work(session)

        for pause in PAUSES_SECONDS:
            try:
                return await asyncio.to_thread(once)
            except OperationalError:
                await asyncio.sleep(pause)
        return await asyncio.to_thread(once)
