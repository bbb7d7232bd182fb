"""Claim check: the worker's data converter stores large payloads in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from google.protobuf import json_format
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverSelectContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)

from engine.contracts.payload_converter import SEALED_ENCODING
from engine.temporal.payload_claims import fetch, store

# An activity's result would be lost with its call, so that a restart of the database is waited for.
PAUSES_SECONDS = (0.1, 0.3, 1.0, 2.0)

_REFERENCE = ExternalStorageReference.DESCRIPTOR.full_name.encode()

T = TypeVar("T")


def claim_check(sessions: sessionmaker[Session], *, bytes_min: int) -> ExternalStorage:
    """Return the storage of payloads of `bytes_min` and more, which the codec has encrypted."""
    driver = ClaimDriver(sessions)

    def select(context: StorageDriverSelectContext, payload: Payload) -> StorageDriver | None:
        # Web reads replies; it has no keys of the codec and does not read this table.
        is_reply = payload.metadata.get("encoding") == SEALED_ENCODING
        return (
            None
            if is_reply or not isinstance(context.target, StorageDriverWorkflowInfo)
            else driver
        )

    return ExternalStorage([driver], driver_selector=select, payload_size_threshold=bytes_min)


class ClaimDriver(StorageDriver):
    """Stores payloads as claims."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions

    def name(self) -> str:
        """Return the name of this driver in references of histories."""
        return "claims"

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        """Store payloads for the workflow they belong to."""
        target = context.target
        assert isinstance(target, StorageDriverWorkflowInfo)  # noqa: S101 - selected for nothing else
        content = [payload.SerializeToString() for payload in payloads]

        def work(session: Session) -> list[UUID]:
            return store(session, content, workflow_id=target.id or "", run_id=target.run_id or "")

        return [
            StorageDriverClaim({"id": str(claim_id)}) for claim_id in await self._in_session(work)
        ]

    async def retrieve(
        self,
        context: StorageDriverRetrieveContext,  # noqa: ARG002 - the SDK's signature
        claims: Sequence[StorageDriverClaim],
    ) -> list[Payload]:
        """Return stored payloads.

        :raises NotFoundError: when one was deleted.
        """
        ids = [UUID(claim.claim_data["id"]) for claim in claims]
        contents = await self._in_session(lambda session: fetch(session, ids))
        return [Payload.FromString(content) for content in contents]

    async def _in_session(self, work: Callable[[Session], T]) -> T:
        return await patiently(self._sessions, work)


async def referenced(sessions: sessionmaker[Session], payload: Payload) -> Payload:
    """Return the encrypted payload that a reference in a history stands for; any other as it is.

    :raises NotFoundError: when the claim was deleted.
    :raises ValueError: when it is no reference of ours.
    """
    if payload.metadata.get("messageType") != _REFERENCE:
        return payload
    reference = json_format.Parse(
        payload.data, ExternalStorageReference(), ignore_unknown_fields=True
    )
    ids = [UUID(reference.claim_data["id"])]
    (data,) = await patiently(sessions, lambda session: fetch(session, ids))
    return Payload.FromString(data)


async def patiently(sessions: sessionmaker[Session], work: Callable[[Session], T]) -> T:
    """Do the work in a transaction of another thread; wait for a database that returns soon."""

    def once() -> T:
        with sessions.begin() as session:
            return work(session)

    for pause in PAUSES_SECONDS:
        try:
            return await asyncio.to_thread(once)
        except OperationalError:
            await asyncio.sleep(pause)
    return await asyncio.to_thread(once)
