import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import DefaultPayloadConverter, WorkflowSerializationContext

from engine.interpreter import replies
from engine.vault.codec import SealingCodec, UnreadablePayloadError

SECRET = {"secret": "canary"}


def payload(value: object = SECRET) -> Payload:
    return DefaultPayloadConverter().to_payloads([value])[0]


def codec(workflow_id: str, *kids: str) -> SealingCodec:
    keys = {kid: kid.encode().ljust(32, b".") for kid in kids or ("c1",)}
    context = WorkflowSerializationContext(namespace="default", workflow_id=workflow_id)
    return SealingCodec(keys).with_context(context)


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
    reply = replies.sealed("a.b.c.d.e").payload
    nothing = payload(None)
    assert await codec("execution:1").encode([reply, nothing]) == [reply, nothing]
    assert await codec("execution:1").decode([payload("an id")]) == [payload("an id")]
