"""What a thief has who stole the settings of one process, as the security page says."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

import jwt
import pytest
from joserfc.jwk import OKPKey
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.platform import own_settings
from engine.accounts import encryption_keys
from engine.accounts.passwords import Passwords
from engine.config.settings import Settings, SettingsError
from engine.contracts.executions import OUTCOME_READING, OutcomeReading
from engine.contracts.preview import DRAWING, Drawing
from engine.crypto import jwe, keyring
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.crypto.replies import open_reply
from engine.store.accounts import Account, RefreshSession
from engine.store.executions import Execution
from engine.store.workflows import DefinitionVersion
from engine.temporal import commands
from engine.temporal.command_signer import CommandSigner
from engine.temporal.connection import connect_sender
from tests.support.platform import Platform
from tests.support.web.events import HEAD

pytestmark = pytest.mark.platform

ECHO = f"{HEAD}do:\n  - tell: {{set: {{told: '${{ . }}'}}}}\n"
READER = (
    f"{HEAD}use: {{secrets: [token]}}\ndo:\n  - tell: {{set: {{told: '${{ $secrets.token }}'}}}}\n"
)


def stolen(platform: Platform, process: str) -> Settings:
    """Return the settings of one process, where each process has its own."""
    return Settings.from_env(own_settings(process, platform.environ))


@pytest.fixture
def account_id(laptop: Client) -> UUID:
    return UUID(laptop.request("GET", "/api/auth/me")["id"])


@pytest.fixture
def definition_id(laptop: Client) -> UUID:
    return UUID(laptop.create_workflow("echo", ECHO)["id"])


def execute(client: Client, definition_id: UUID, *, seals: bool) -> str:
    answer = client.http.post(
        f"/api/workflows/{definition_id}/execute",
        json={"input": 1, "sealResult": seals},
        headers={"Prefer": "wait=20"},
    )
    return str(answer.raise_for_status().json()["executionId"])


class Thief:
    """Somebody with a key for replies and the relay's or web's settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = OKPKey.generate_key("X25519")
        self.reply_key = {
            name: str(value) for name, value in self._key.as_dict(private=False).items()
        }

    async def command(self, reading: commands.Reading, kind: str) -> dict[str, Any]:
        """Return what the worker answers to a command."""
        client = await connect_sender(self._settings, CommandSigner(self._settings))
        handle = await commands.start_reading(client, reading, reading_id=uuid7(), kind=kind)
        reply = open_reply(
            await handle.result(),
            private_key=self._key,
            workflow_id=handle.id,
            keys=self._settings.secrets("command_keys"),
            bytes_max=1_048_576,
        )
        answer: dict[str, Any] = json.loads(reply)
        return answer


@pytest.mark.parametrize("process", ["relay", "web"])
async def test_the_relays_or_webs_settings_read_outcomes_that_are_not_sealed_and_graphs(
    platform: Platform, laptop: Client, account_id: UUID, definition_id: UUID, process: str
) -> None:
    plain, sealed = (execute(laptop, definition_id, seals=seals) for seals in (False, True))
    thief = Thief(stolen(platform, process))
    outcomes = {
        execution_id: await thief.command(
            OutcomeReading(execution_id, str(account_id), thief.reply_key), OUTCOME_READING
        )
        for execution_id in (plain, sealed)
    }
    assert outcomes[plain]["result"] == {"told": 1}
    assert laptop.open(outcomes[sealed]["result"]) == {"told": 1}, "to its owner it is readable"
    drawing = Drawing(str(account_id), str(definition_id), 1, "json", False, thief.reply_key)
    graph = await thief.command(drawing, DRAWING)
    assert "tell" in json.dumps(graph)


def test_webs_settings_and_the_database_are_every_account_and_its_secrets(
    platform: Platform,
    laptop: Client,
    account_id: UUID,
    definition_id: UUID,
    sessions: sessionmaker[Session],
) -> None:
    laptop.request("PUT", "/api/secrets/token", json={"value": "canary"})
    sealed = execute(laptop, definition_id, seals=True)
    with sessions() as session:
        query = select(RefreshSession).where(RefreshSession.account_id == account_id)
        row = session.scalars(query).first()
        assert row is not None
        token = _mint(stolen(platform, "web"), account_id, row)
    with Client(platform.api_url, str(row.agent_id), Keys.fresh()) as thief:
        thief.http.headers["Authorization"] = f"Bearer {token}"
        reader = UUID(thief.create_workflow("reader", READER)["id"])
        read = thief.request("GET", f"/api/executions/{execute(thief, reader, seals=False)}")
        assert read["result"] == {"told": "canary"}
        outcome = thief.request("GET", f"/api/executions/{sealed}")["result"]
        definition = thief.request("GET", f"/api/workflows/{definition_id}")["workflow"]
        for text in (outcome, definition["encryptedData"]):
            assert text.count(".") == 4, "it is a JWE to a key that web does not have"


def test_the_settings_of_web_relay_fanout_and_channels_decrypt_nothing_at_rest(
    platform: Platform,
) -> None:
    for process in ("web", "relay", "fanout", "channels"):
        settings = stolen(platform, process)
        for key in ("engine_private_keys", "keyring", "codec_keys"):
            with pytest.raises(SettingsError):
                settings.need(key)
    for process in ("relay", "fanout", "channels", "temporal", "codec"):
        for key in ("access_token_keys", "refresh_token_keys", "factor_keys"):
            with pytest.raises(SettingsError):
                stolen(platform, process).need(key)
    for process in ("fanout", "channels", "codec"):
        with pytest.raises(SettingsError):
            CommandSigner(stolen(platform, process))


async def test_the_codecs_settings_read_histories_and_outcomes_and_no_stored_definition(
    platform: Platform,
    laptop: Client,
    account_id: UUID,
    definition_id: UUID,
    sessions: sessionmaker[Session],
) -> None:
    execution_id = UUID(execute(laptop, definition_id, seals=False))
    settings = stolen(platform, "codec")
    with sessions() as session:
        ring = Keyring(settings.secrets("keyring"))
        key = encryption_keys.obtain(session, ring, account_id=account_id)
        row = session.get_one(Execution, execution_id)
        assert row.outcome_sealed is not None
        outcome = keyring.open_value(key, row.outcome_sealed, bound_to=execution_id)
    assert json.loads(outcome)["result"] == {"told": 1}
    with pytest.raises(SettingsError):
        settings.need("engine_private_keys")


def test_who_writes_to_the_database_enters_every_account_and_reads_no_state(
    platform: Platform, laptop: Client, account_id: UUID, sessions: sessionmaker[Session]
) -> None:
    laptop.push("theme", "canary", version="1", clock={laptop.agent_id: 1})
    phrase = "a pass phrase of the thief"
    hash_of_phrase = Passwords(stolen(platform, "fanout")).hash(phrase)
    with sessions.begin() as session:
        change = update(Account).where(Account.id == account_id)
        session.execute(change.values(password_hash=hash_of_phrase))
    with Client(platform.api_url, "thief", Keys.fresh()) as thief:
        thief.login(laptop.email, phrase)
        (state,) = thief.http.get("/api/sync/pull").raise_for_status().json()["states"]
    assert "canary" not in json.dumps(state)


@pytest.mark.parametrize("is_shared", [False, True])
def test_the_workers_settings_open_what_is_at_rest_and_so_does_an_environment_for_all(
    platform: Platform,
    laptop: Client,
    definition_id: UUID,
    sessions: sessionmaker[Session],
    is_shared: bool,
) -> None:
    execution_id = UUID(execute(laptop, definition_id, seals=True))
    shared = Settings.from_env(platform.environ)
    settings = shared if is_shared else stolen(platform, "temporal")
    keys = EngineKeys.parse(settings.need("engine_private_keys"))
    with sessions() as session:
        row = session.get_one(Execution, execution_id)
        assert keys.open(row.input_sealed, pointer="", bytes_max=100) == b"1"
        version = session.get_one(DefinitionVersion, (definition_id, 1))
    text, _ = jwe.open_definition(
        keys,
        encrypted_data=version.encrypted_data,
        encryption_key=version.encryption_key,
        bytes_max=10_000,
    )
    assert "tell" in text
    if is_shared:
        assert settings.need("access_token_keys")
        return
    with pytest.raises(SettingsError):
        settings.need("access_token_keys")


def _mint(settings: Settings, account_id: UUID, session: RefreshSession) -> str:
    """Return an access token by the keys of web, for a session out of the database."""
    jwk = json.loads(settings.need("access_token_keys"))["keys"][0]
    now = int(time.time())
    claims = {
        "sub": str(account_id),
        "sid": str(session.id),
        "agent": session.agent_id,
        "type": "access",
        "iss": settings.token_issuer,
        "aud": settings.token_audience,
        "iat": now,
        "exp": now + 600,
        "jti": str(uuid7()),
        "fresh": False,
    }
    header = {"kid": jwk["kid"], "typ": "at+jwt"}
    return jwt.encode(claims, jwt.PyJWK(jwk).key, algorithm="EdDSA", headers=header)
