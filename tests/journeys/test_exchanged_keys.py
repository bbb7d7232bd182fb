"""Keys are rotated and old data still opens; an account is deleted and nothing of it opens."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest
from google.protobuf.message import Message
from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import History
from temporalio.client import Client as TemporalClient

from bin.devtools.ops import keys
from bin.devtools.stack.client import Client
from engine.config.settings import Settings
from engine.crypto.keyring import Keyring
from engine.crypto.temporal_codec import ENCODING, EncryptionCodec, UnreadablePayloadError
from engine.store.sessions import make_engine
from engine.temporal.payload_offload import referenced
from engine.temporal.payload_owners import WorkflowOwners
from tests.support.journeys.fragile import Fragile
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


HEAD = "document: {dsl: '1.0.3', namespace: tests, name: kept, version: '1.0.0'}\n"
PLAIN = HEAD + "do: [{keep: {set: {kept: '${ .secret }'}}}]\n"
WAITING = HEAD + (
    "do: [{hear: {listen: {to: {one: {with: {type: org.example.go}}}}}},"
    " {keep: {set: {kept: '${ $workflow.input.secret }'}}}]\n"
)
RINGS = ("ENGINE_PRIVATE_KEYS", "KEYRING", "CODEC_KEYS", "COMMAND_KEYS")
HOLDERS = ("temporal", "web", "relay")


def rotate_keys(fragile: Fragile, verb: str, *names: str) -> None:
    """Take a step with keys as `bin/keys` does, and start the processes that hold them again."""
    environ = fragile.platform.environ
    for name in names:
        environ.update(keys.step(verb, name, environ))
    for part in HOLDERS:
        fragile.kill(part)
        fragile.revive(part)


def kids(environ: dict[str, str]) -> dict[str, str]:
    """Return the id of each ring's first key."""
    names = ("KEYRING", "CODEC_KEYS", "COMMAND_KEYS")
    key_ids = {name: environ[name].partition(":")[0] for name in names}
    return key_ids | {"ENGINE": json.loads(environ["ENGINE_PUBLIC_KEYS"])["keys"][0]["kid"]}


def payloads_in(message: Message) -> Iterator[Payload]:
    """Return all payloads of a message, wherever they are."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for entry in value.values():
                    yield from payloads_in(entry)
            continue
        for one in value if field.is_repeated else [value]:
            yield from payloads_in(one)


async def history_of(fragile: Fragile, execution_id: str) -> History:
    temporal = await TemporalClient.connect(fragile.stack.temporal_address)
    handle = temporal.get_workflow_handle(f"execution:{execution_id}")
    return History(events=[event async for event in handle.fetch_history_events()])


@contextmanager
def database(fragile: Fragile) -> Iterator[sessionmaker[Session]]:
    engine = make_engine(Settings.from_env(fragile.platform.environ), pool_size=1)
    yield sessionmaker(engine)
    engine.dispose()


async def fetch_payloads(fragile: Fragile, payloads: Iterator[Payload]) -> list[Payload]:
    """Return copies of what payloads stand for, as somebody who saved them would have them."""
    with database(fragile) as sessions:
        return [await referenced(sessions, payload) for payload in payloads]


async def decrypt(fragile: Fragile, payloads: list[Payload]) -> list[bytes]:
    """Open sealed payloads with all that the platform has now; what does not open is left out."""
    settings, plaintexts = Settings.from_env(fragile.platform.environ), []
    with database(fragile) as sessions:
        owners = WorkflowOwners(sessions, Keyring(settings.secrets("keyring")))
        codec = EncryptionCodec(settings.secrets("codec_keys"), owners)
        for payload in payloads:
            if payload.metadata["encoding"] == ENCODING:
                with suppress(UnreadablePayloadError):
                    plaintexts.append((await codec.decode([payload]))[0].data)
    return plaintexts


def codec_kids(history: History) -> set[str]:
    codec_payloads = (
        payload for payload in payloads_in(history) if payload.metadata["encoding"] == ENCODING
    )
    return {payload.metadata["kid"].decode() for payload in codec_payloads}


def run(client: Client, workflow_id: str, secret: str) -> dict[str, Any]:
    """Run a definition on a sealed input, and return the answer."""
    answer = client.execute(workflow_id, {"secret": secret})
    assert answer["opened"] == {"kept": secret}
    return answer


def wait_for_result(client: Client, execution_id: str) -> Any:
    return client.open_result(client.request("GET", f"/api/executions/{execution_id}"))


def go(client: Client, execution_id: str) -> Any:
    """Send the event that an execution waits for, and return what it ends with."""
    event = {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": "urn:t",
        "type": "org.example.go",
    }
    client.request("POST", f"/api/executions/{execution_id}/events", json=event)
    path = f"/api/executions/{execution_id}"
    return client.open_result(
        until(lambda: (now := client.request("GET", path))["status"] != "running" and now)
    )


def test_keys_are_exchanged_and_everything_old_still_opens(fragile: Fragile) -> None:
    environ = fragile.platform.environ
    with (
        new_agent(fragile.platform) as laptop,
        Client(fragile.platform.api_url, "phone", laptop.keys) as phone,
    ):
        plain = laptop.create_workflow("plain", PLAIN)["id"]
        waiting = laptop.create_workflow("waiting", WAITING)["id"]
        before = kids(environ)
        first_id = run(laptop, plain, "first")["executionId"]
        running = laptop.execute(waiting, {"secret": "slow"}, wait=0)["executionId"]
        until(lambda: len(asyncio.run(history_of(fragile, running)).events) > 4)

        rotate_keys(fragile, "rotate", *RINGS)
        after = kids(environ)
        assert not before.items() & after.items()
        phone.login(laptop.email, laptop.password)
        assert wait_for_result(phone, first_id) == {"kept": "first"}
        assert run(laptop, plain, "old definition") is not None
        # A key that has leaked is retired at once. What it started goes on.
        rotate_keys(fragile, "retire", "COMMAND_KEYS")
        assert go(laptop, running) == {"kept": "slow"}
        fresh = phone.create_workflow("fresh", PLAIN)["id"]
        assert phone.engine_key().kid == after["ENGINE"]
        newest = run(phone, fresh, "new")["executionId"]
        assert codec_kids(asyncio.run(history_of(fragile, newest))) == {after["CODEC_KEYS"]}
        both = {before["CODEC_KEYS"], after["CODEC_KEYS"]}
        assert codec_kids(asyncio.run(history_of(fragile, running))) == both

        assert keys.rewrap(Settings.from_env(environ))["KEYRING"] > 0
        rotate_keys(fragile, "retire", *RINGS)
        assert kids(environ) == after
        for execution_id, secret in ((first_id, "first"), (running, "slow"), (newest, "new")):
            assert wait_for_result(phone, execution_id) == {"kept": secret}
        assert run(phone, fresh, "still") is not None
        answer = phone.execute(plain, {"secret": "-"})
        assert answer["status"] == "failed"
        assert "a key that this engine does not have" in json.dumps(
            phone.open(answer["error"]["sealed"])
        )
        assert (
            run(phone, phone.create_workflow("plain, sealed anew", PLAIN)["id"], "again")
            is not None
        )


@pytest.mark.parametrize("size", [10, 100_000])
def test_nothing_of_an_account_that_is_gone_opens_with_what_the_platform_has(
    fragile: Fragile, size: int
) -> None:
    canary = secrets.token_hex(12)
    with new_agent(fragile.platform) as laptop:
        account_id = UUID(laptop.request("GET", "/api/auth/me")["id"])
        ran = run(laptop, laptop.create_workflow("plain", PLAIN)["id"], canary + "x" * size)
        history = asyncio.run(history_of(fragile, ran["executionId"]))
        payloads = asyncio.run(fetch_payloads(fragile, payloads_in(history)))
        assert any(canary.encode() in data for data in asyncio.run(decrypt(fragile, payloads)))
        assert not any(canary.encode() in payload.SerializeToString() for payload in payloads)
        laptop.http.delete("/api/auth/me").raise_for_status()
    assert asyncio.run(decrypt(fragile, payloads)) == []
    with psycopg.connect(fragile.stack.database_url) as connection:
        for table in ("account_keys", "executions", "definitions"):
            query = f"SELECT count(*) FROM {table} WHERE account_id = %s"  # noqa: S608 - our own names
            assert connection.execute(query, [account_id]).fetchone() == (0,)
