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
from engine.workflows import secrets
from engine.workflows.secrets import Opener

pytestmark = pytest.mark.stack


NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def opener(settings: Settings) -> Opener:
    keys = EngineKeys.parse(settings.need("engine_private_keys"))
    return Opener(keys, Keyring(settings.secrets("keyring")))


def keep(session: Session, opener: Opener, account_id: UUID, name: str, plaintext: bytes) -> None:
    sealed = jwe.seal(next(iter(opener.keys.keys.values())), plaintext)
    secrets.keep(session, account_id=account_id, name=name, sealed=sealed, now=NOW)


def test_all_that_are_listed_are_opened_and_one_that_is_missing_is_told_by_its_place(
    session: Session, account_id: UUID, opener: Opener
) -> None:
    for name in ("a", "b"):
        keep(session, opener, account_id, name, orjson.dumps({"is": name}))
    assert opener.open(session, account_id=account_id, names=["b"]) == {"b": {"is": "b"}}
    with pytest.raises(NotFoundError) as refused:
        opener.open(session, account_id=account_id, names=["a", "c"])
    assert [fault.pointer for fault in refused.value.faults] == ["/use/secrets/1"]


def test_secrets_hold_no_more_together_than_can_be_looked_for(
    session: Session, account_id: UUID, opener: Opener
) -> None:
    for name in ("a", "b"):
        keep(session, opener, account_id, name, orjson.dumps([*range(600)]))
    assert len(opener.open(session, account_id=account_id, names=["a"])["a"]) == 600
    with pytest.raises(InvalidError) as refused:
        opener.open(session, account_id=account_id, names=["a", "b"])
    assert refused.value.code == "secrets_too_many"


def test_what_was_sent_sealed_and_is_no_json_is_no_secret(
    session: Session, account_id: UUID, opener: Opener
) -> None:
    keep(session, opener, account_id, "a", b"{")
    with pytest.raises(InvalidError) as refused:
        opener.open(session, account_id=account_id, names=["a"])
    assert refused.value.code == "secret_malformed"
