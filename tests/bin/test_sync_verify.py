"""The chain is compared with everything that is stored, and each contradiction is found."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from bin.devtools.ops.sync_verify import main
from tests.support.sync.records import write
from tests.support.sync.tombstones import LONG_AFTER, bury, remove

pytestmark = pytest.mark.stack


SESSIONS = sessionmaker[Session]


@pytest.fixture
def account_with_changes(
    sessions: SESSIONS, account_id: UUID, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> UUID:
    """An account with states, a past, siblings and a buried tombstone."""
    monkeypatch.setenv("DATABASE_URL", environ["DATABASE_URL"])
    write(sessions, account_id, "a", {"a": 1}, data="to be deleted", entity="gone")
    remove(sessions, account_id, "a", {"a": 2})
    bury(sessions, LONG_AFTER)
    for count in (3, 4):
        write(sessions, account_id, "a", {"a": count}, data=f"version {count}", entity="one")
    write(sessions, account_id, "b", {"b": 1}, data="beside", entity="one")
    write(sessions, account_id, "a", {"a": 5}, entity="two")
    return account_id


def test_a_chain_that_holds_is_said_to(
    account_with_changes: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(account_with_changes)]) == 0
    assert capsys.readouterr().out == f"{account_with_changes}: no contradiction\n"


def test_all_accounts_are_verified_where_none_is_named(
    account_with_changes: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    main([])
    assert f"{account_with_changes}: no contradiction\n" in capsys.readouterr().out


FORGERIES = [
    ("UPDATE sync_changes SET version = 'other' {third}", "does not follow"),
    ("DELETE FROM sync_changes {third}", "does not follow"),
    ("UPDATE sync_heads SET stamp = stamp + 1 {mine}", "the head is not"),
    ("UPDATE sync_heads SET link = sha256('') {mine}", "the head is not"),
    ("UPDATE sync_heads SET bytes = bytes + 1 {mine}", "are counted as"),
    ("UPDATE sync_heads SET stored_bytes = stored_bytes + 1 {mine}", "stored bytes are counted as"),
    ("UPDATE sync_states SET version = 'other' {one}", "differs from its change"),
    ("UPDATE sync_states SET encrypted_data = 'other' {one}", "has other data"),
    ("UPDATE sync_states SET stamp = stamp - 1 {one}", "is not the entity's last version"),
    ("DELETE FROM sync_states {one}", "settings/one is missing"),
    ("UPDATE sync_pasts SET encrypted_data = 'other' {one}", "has other data"),
    ("UPDATE sync_states SET kept = 0 {one}", "are counted wrong"),
    ("DELETE FROM sync_siblings {mine}", "are counted wrong"),
]
WHERE = {
    "mine": "WHERE account_id = :id",
    "one": "WHERE account_id = :id AND entity_id = 'one'",
    "third": "WHERE account_id = :id AND clock = jsonb_build_object('a', 3)",
}


@pytest.mark.parametrize(("forgery", "message"), FORGERIES)
def test_a_contradiction_is_found(
    account_with_changes: UUID,
    sessions: SESSIONS,
    capsys: pytest.CaptureFixture[str],
    forgery: str,
    message: str,
) -> None:
    with sessions.begin() as session:
        session.execute(text(forgery.format(**WHERE)), {"id": account_with_changes})
    assert main([str(account_with_changes)]) == 1
    assert message in capsys.readouterr().out
