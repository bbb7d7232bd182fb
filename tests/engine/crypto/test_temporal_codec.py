from uuid import UUID, uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import DefaultPayloadConverter, WorkflowSerializationContext

from engine.contracts import payload_converter
from engine.crypto.temporal_codec import EncryptionCodec, UnreadablePayloadError
from engine.errors import NotFoundError

pytestmark = pytest.mark.unit


SECRET = {"secret": "canary"}


class Known:
    """One account, which owns every workflow until it is gone."""

    def __init__(self) -> None:
        self.account_id, self.gone = uuid4(), False
        self.remembered: list[str] = []

    async def owner(self, workflow_id: str) -> UUID | None:
        return self.account_id if workflow_id else None

    async def key(self, account_id: UUID) -> bytes:
        if self.gone or account_id != self.account_id:
            raise NotFoundError("account_unknown", "There is no such account.")
        return b"k" * 32

    def remember(self, workflow_id: str, account_id: UUID) -> None:
        assert account_id == self.account_id
        self.remembered.append(workflow_id)


def payload(value: object = SECRET) -> Payload:
    return DefaultPayloadConverter().to_payloads([value])[0]


def codec(workflow_id: str, *kids: str, owners: Known | None = None) -> EncryptionCodec:
    keys = {kid: kid.encode().ljust(32, b".") for kid in kids or ("c1",)}
    context = WorkflowSerializationContext(namespace="default", workflow_id=workflow_id)
    return EncryptionCodec(keys, owners).with_context(context)


async def test_a_payload_is_ciphertext_outside_and_the_same_inside() -> None:
    (sealed,) = await codec("execution:1").encode([payload()])
    assert b"canary" not in sealed.SerializeToString()
    assert b"json" not in sealed.SerializeToString()
    assert await codec("execution:1").decode([sealed]) == [payload()]


async def test_a_payload_moved_to_another_workflow_does_not_open() -> None:
    (sealed,) = await codec("execution:1").encode([payload()])
    with pytest.raises(UnreadablePayloadError):
        await codec("execution:2").decode([sealed])
    sealed.metadata["workflow"] = b"execution:2"
    with pytest.raises(UnreadablePayloadError):
        await codec("execution:2").decode([sealed])


async def test_an_altered_payload_does_not_open() -> None:
    (sealed,) = await codec("execution:1").encode([payload()])
    sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
    with pytest.raises(UnreadablePayloadError):
        await codec("execution:1").decode([sealed])


async def test_keys_rotate_and_the_old_one_still_opens() -> None:
    (sealed,) = await codec("execution:1", "c1").encode([payload()])
    assert await codec("execution:1", "c2", "c1").decode([sealed]) == [payload()]
    with pytest.raises(UnreadablePayloadError):
        await codec("execution:1", "c2").decode([sealed])


async def test_replies_and_nothing_and_what_came_unsealed_are_left_alone() -> None:
    reply = payload_converter.reply_payload("a.b.c.d.e").payload
    nothing = payload(None)
    assert await codec("execution:1").encode([reply, nothing]) == [reply, nothing]
    assert await codec("execution:1").decode([payload("an id")]) == [payload("an id")]


async def test_what_an_account_sealed_opens_until_it_is_gone_and_under_no_other_account() -> None:
    owners = Known()
    (sealed,) = await codec("execution:1", owners=owners).encode([payload()])
    assert await codec("execution:1", owners=owners).decode([sealed]) == [payload()]
    assert owners.remembered == ["execution:1"]
    moved = Payload.FromString(sealed.SerializeToString())
    moved.metadata["account"] = str(uuid4()).encode()
    bare = Payload.FromString(sealed.SerializeToString())
    del bare.metadata["account"]
    for altered, known in ((moved, owners), (bare, owners), (sealed, None)):
        with pytest.raises(UnreadablePayloadError):
            await codec("execution:1", owners=known).decode([altered])
    owners.gone = True
    with pytest.raises(UnreadablePayloadError):
        await codec("execution:1", owners=owners).decode([sealed])


async def test_what_was_sealed_before_accounts_had_a_part_in_it_still_opens() -> None:
    (sealed,) = await codec("execution:1").encode([payload()])
    assert await codec("execution:1", owners=Known()).decode([sealed]) == [payload()]
