"""Secrets as the worker opens them: all that an execution lists, or none."""

from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from sqlalchemy.orm import Session

from engine.config.settings import Settings
from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.errors import InvalidError, NotFoundError
from engine.store.account_scope import AccountScope
from engine.workflows import secrets
from engine.workflows.secrets import SecretOpener

pytestmark = pytest.mark.stack


NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def opener(settings: Settings) -> SecretOpener:
    keys = EngineKeys.parse(settings.need("engine_private_keys"))
    return SecretOpener(keys, Keyring(settings.secrets("keyring")))


def keep(
    session: Session, opener: SecretOpener, account_id: UUID, name: str, plaintext: bytes
) -> None:
    sealed = jwe.seal(next(iter(opener.keys.keys.values())), plaintext)
    secrets.create(AccountScope(session, account_id, NOW), name, sealed)


def test_all_that_are_listed_are_opened_and_one_that_is_missing_is_told_by_its_place(
    session: Session, account_id: UUID, opener: SecretOpener
) -> None:
    for name in ("a", "b"):
        keep(session, opener, account_id, name, orjson.dumps({"is": name}))
    assert opener.open(AccountScope(session, account_id, NOW), ["b"]) == {"b": {"is": "b"}}
    with pytest.raises(NotFoundError) as refused:
        opener.open(AccountScope(session, account_id, NOW), ["a", "c"])
    assert [fault.pointer for fault in refused.value.faults] == ["/use/secrets/1"]


def test_secrets_hold_no_more_together_than_can_be_looked_for(
    session: Session, account_id: UUID, opener: SecretOpener
) -> None:
    for name in ("a", "b"):
        keep(session, opener, account_id, name, orjson.dumps([*range(600)]))
    assert len(opener.open(AccountScope(session, account_id, NOW), ["a"])["a"]) == 600
    with pytest.raises(InvalidError) as refused:
        opener.open(AccountScope(session, account_id, NOW), ["a", "b"])
    assert refused.value.code == "secrets_too_many"


def test_what_was_sent_sealed_and_is_no_json_is_no_secret(
    session: Session, account_id: UUID, opener: SecretOpener
) -> None:
    keep(session, opener, account_id, "a", b"{")
    with pytest.raises(InvalidError) as refused:
        opener.open(AccountScope(session, account_id, NOW), ["a"])
    assert refused.value.code == "secret_malformed"
