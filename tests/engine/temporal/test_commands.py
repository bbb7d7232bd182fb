"""What the worker takes from Temporal: its own ciphertext, and arguments of web and the relay."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import ActivitySerializationContext, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError
from uuid_utils.compat import uuid7

from bin.devtools.stack.fresh_keys import new_key
from engine.config.settings import Settings, SettingsError
from engine.contracts.commands import REFUSED, UNFIT, Command
from engine.contracts.definitions import DefinitionCheck
from engine.contracts.executions import ExecutionStart, OutcomeReading
from engine.contracts.pause import PauseSignal
from engine.contracts.payload_converter import TYPED_JSON, ReplyPayloadConverter, reply_payload
from engine.contracts.preview import Drawing, Validation
from engine.contracts.schedules import FiringStart
from engine.crypto.temporal_codec import ENCODING, EncryptionCodec
from engine.observability import metrics
from engine.temporal.command_codec import MAC, CommandCodec
from engine.temporal.command_signer import CommandSigner

pytestmark = pytest.mark.unit

KEYS = new_key("COMMAND_KEYS")["COMMAND_KEYS"]
ACCOUNT, EXECUTION_ID = str(uuid7()), str(uuid7())
WORKFLOW = f"execution:{EXECUTION_ID}"
START = ExecutionStart(EXECUTION_ID, ACCOUNT, {"kty": "OKP", "x": "web's"})
CONVERTER = ReplyPayloadConverter()


def secrets(keys: str) -> dict[str, bytes]:
    return Settings(command_keys=keys).secrets("command_keys")


def sign(argument: Command, target: str = WORKFLOW, keys: str = KEYS) -> Payload:
    signer = CommandSigner(Settings(command_keys=keys))
    return signer.sign([argument], command=argument.command, target=target)


def codec(workflow_id: str = WORKFLOW, keys: str = KEYS) -> CommandCodec:
    encryption = EncryptionCodec({"c1": b"c" * 32})
    context = WorkflowSerializationContext(namespace="default", workflow_id=workflow_id)
    return CommandCodec(encryption, secrets(keys)).with_context(context)


def activity_codec(workflow_id: str = WORKFLOW) -> CommandCodec:
    context = ActivitySerializationContext(
        namespace="default",
        activity_id="1",
        activity_type="open_execution",
        activity_task_queue="engine",
        workflow_id=workflow_id,
        workflow_type="execution",
        is_local=False,
    )
    return CommandCodec(EncryptionCodec({"c1": b"c" * 32}), secrets(KEYS)).with_context(context)


async def receive(payload: Payload, kind: type, of: CommandCodec | None = None) -> Any:
    """Return the argument as a workflow receives it.

    :raises ApplicationError: when the payload is refused
    """
    (plain,) = await (of or codec()).decode([payload])
    return CONVERTER.from_payload(plain, kind)


async def refuses(payload: Payload, kind: type, of: CommandCodec | None = None) -> bool:
    with pytest.raises(ApplicationError) as refusal:
        await receive(payload, kind, of)
    return refusal.value.type == REFUSED and refusal.value.non_retryable


@pytest.mark.parametrize(
    "argument",
    [
        START,
        DefinitionCheck(str(uuid7()), ACCOUNT, 3),
        OutcomeReading(EXECUTION_ID, ACCOUNT, {"x": "web's"}),
        Validation(ACCOUNT, "a.b.c.d.e", {"x": "web's"}),
        Drawing(ACCOUNT, str(uuid7()), 1, "json", False, {"x": "web's"}),
        PauseSignal(4, paused=True),
    ],
    ids=lambda argument: argument.command,
)
async def test_what_web_sends_arrives_whole_and_has_an_id(argument: Command) -> None:
    first = await receive(sign(argument), type(argument))
    again = await receive(sign(argument), type(argument))
    assert replace(first, message_id="") == argument
    assert UUID(first.message_id).version == 7
    assert first.message_id != again.message_id


def _alter_reply_key(payload: Payload) -> None:
    content = json.loads(payload.data)
    payload.data = json.dumps(content | {"reply_key": {"x": "a stranger's"}}).encode()


def _claim_authority(payload: Payload) -> None:
    payload.metadata["authentic"] = b"yes"
    del payload.metadata[MAC]


def _alter_mac(payload: Payload) -> None:
    payload.metadata[MAC] = payload.metadata[MAC][:-1]


def _alter_message(payload: Payload) -> None:
    payload.metadata["message"] = str(uuid7()).encode()


def _alter_type(payload: Payload) -> None:
    payload.metadata["command"] = b"execution.read"


def _alter_encoding(payload: Payload) -> None:
    payload.metadata["encoding"] = b"binary/plain"


@pytest.mark.parametrize(
    "alter",
    [
        _alter_reply_key,
        _claim_authority,
        _alter_mac,
        _alter_message,
        _alter_type,
        _alter_encoding,
    ],
)
async def test_an_altered_argument_is_refused(alter: Callable[[Payload], None]) -> None:
    payload = sign(START)
    alter(payload)
    before = next(iter(metrics.COMMAND_REFUSALS.collect())).samples
    assert await refuses(payload, ExecutionStart)
    assert next(iter(metrics.COMMAND_REFUSALS.collect())).samples != before


@pytest.mark.parametrize("value", [START, {"execution_id": EXECUTION_ID}, [{"type": "paid"}], "x"])
async def test_an_argument_without_a_mac_is_refused(value: Any) -> None:
    payload = TYPED_JSON.to_payload(value)
    assert payload is not None
    assert await refuses(payload, ExecutionStart)
    assert await refuses(reply_payload("a.b.c.d.e").payload, ExecutionStart)
    assert await refuses(Payload(), ExecutionStart)


async def test_an_argument_of_another_workflow_is_refused() -> None:
    assert await refuses(sign(START, target=f"execution:{uuid7()}"), ExecutionStart)


@pytest.mark.parametrize("kind", [ExecutionStart, PauseSignal, FiringStart, list[Any], str])
async def test_an_argument_of_another_type_is_unfit(kind: type) -> None:
    received = await receive(sign(OutcomeReading(EXECUTION_ID, ACCOUNT, {})), kind)
    assert received is UNFIT
    assert not UNFIT.authentic


async def test_no_activity_and_no_result_of_one_is_plain() -> None:
    assert await refuses(sign(START), ExecutionStart, activity_codec())
    (nothing,) = CONVERTER.to_payloads([None])
    assert await receive(nothing, type(None), activity_codec()) is None


async def test_what_a_schedule_starts_is_bound_to_the_schedule() -> None:
    schedule_id = uuid7()
    start = FiringStart(str(schedule_id), ACCOUNT)
    payload = sign(start, target=f"fire:{schedule_id}")
    own = codec(f"fire:{schedule_id}-2026-11-30T12:00:00Z")
    assert (await receive(payload, FiringStart, own)).authentic
    for other in (f"fire:{uuid7()}-2026-11-30T12:00:00Z", f"read:{schedule_id}", "fire:"):
        assert await refuses(payload, FiringStart, codec(other))


async def test_what_a_worker_encrypted_needs_no_mac_and_keeps_what_it_says() -> None:
    unauthentic = START.without_authority()
    for argument in (START, unauthentic):
        (ciphertext,) = await codec().encode(CONVERTER.to_payloads([argument]))
        assert await receive(ciphertext, ExecutionStart) == argument
    assert unauthentic.reply_key is None


async def test_ciphertext_of_another_workflow_or_of_nobody_is_refused() -> None:
    (ciphertext,) = await codec().encode(CONVERTER.to_payloads([START]))
    assert await refuses(ciphertext, ExecutionStart, codec(f"execution:{uuid7()}"))
    metadata = {"encoding": ENCODING, "kid": b"c1", "workflow": WORKFLOW.encode()}
    for data in (b"", b"x" * 40):
        assert await refuses(Payload(metadata=metadata, data=data), ExecutionStart)


async def test_a_rotation_leaves_old_messages_authentic_until_the_key_is_retired() -> None:
    new = new_key("COMMAND_KEYS")["COMMAND_KEYS"]
    old_message, new_message = sign(START), sign(START, keys=f"{new},{KEYS}")
    for message in (old_message, new_message):
        assert (await receive(message, ExecutionStart, codec(keys=f"{new},{KEYS}"))).authentic
    assert (await receive(new_message, ExecutionStart, codec(keys=new))).authentic
    # A history that an earlier worker accepted still replays, and nobody acts on a new message.
    retired = await receive(old_message, ExecutionStart, codec(keys=new))
    assert (retired.execution_id, retired.account_id) == (EXECUTION_ID, ACCOUNT)
    assert (retired.authentic, retired.reply_key) == (False, None)


@pytest.mark.parametrize("data", [b'"x"', b"{}", b"nonsense"])
async def test_a_malformed_argument_under_an_unknown_key_is_unfit(data: bytes) -> None:
    payload = sign(START, keys=new_key("COMMAND_KEYS")["COMMAND_KEYS"])
    payload.data = data
    assert await receive(payload, ExecutionStart) is UNFIT


async def test_an_argument_under_an_unknown_key_names_no_message() -> None:
    payload = sign(START, keys=new_key("COMMAND_KEYS")["COMMAND_KEYS"])
    payload.data = json.dumps(json.loads(payload.data) | {"message_id": "x"}).encode()
    received = await receive(payload, ExecutionStart)
    assert (received.message_id, received.authentic) == ("", False)


def test_a_process_without_the_key_does_not_start() -> None:
    with pytest.raises(SettingsError, match="COMMAND_KEYS is not set"):
        CommandSigner(Settings())


def test_only_the_argument_of_the_command_is_given_a_mac() -> None:
    signer = CommandSigner(Settings(command_keys=KEYS))
    for arguments, command in (([START], "execution.read"), ([{}], "execution")):
        with pytest.raises(TypeError):
            signer.sign(arguments, command=command, target=WORKFLOW)
