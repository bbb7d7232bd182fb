"""The chain: made by the database, recomputed here from what clients can read."""

import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from engine.contracts import timestamps
from engine.errors import ConflictError, InvalidError
from engine.store.account_scope import AccountScope
from engine.sync import hash_chain, usage
from engine.sync.hash_chain import ChainPoint
from tests.support.sync.records import read_page, write

SESSIONS = sessionmaker[Session]
DATA = 'é"\\\u2028\x01😀'


def head(sessions: SESSIONS, account_id: UUID) -> ChainPoint:
    with sessions() as session:
        point = read_page(session, account_id).head
    assert point is not None
    return point


def scope(session: Session, account_id: UUID) -> AccountScope:
    return AccountScope(session, account_id, datetime.now(UTC))


def check(sessions: SESSIONS, account_id: UUID, remembered: ChainPoint) -> None:
    with sessions() as session:
        hash_chain.check_ancestor(scope(session, account_id), remembered)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@pytest.mark.stack
def test_a_client_computes_the_same_links_from_what_it_reads(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1}, data=DATA, entity=DATA.replace("\x01", ""))
    write(sessions, account_id, "b", {"a": 1, "b": 1}, data=DATA)
    write(sessions, account_id, "a", {"a": 2, "b": 1}, data="")
    with sessions() as session:
        links, more = hash_chain.list_links(scope(session, account_id), since=0, limit=10)
    assert (len(links), more) == (3, False)
    assert links[0]["dataHash"] == sha256(DATA.encode()).hex()
    link = sha256(f"sync-chain:{account_id}".encode())
    for one in links:
        said = [
            one[name]
            for name in ("type", "entityId", "version", "vectorClock", "agentId", "deleted")
        ]
        text = json.dumps(
            [*said, one["dataHash"]], ensure_ascii=False, separators=(",", ":"), sort_keys=True
        )
        link = sha256(link + sha256(text.encode()) + one["updatedAt"].encode())
        assert one["link"] == link.hex()
    assert str(head(sessions, account_id)) == f"{links[-1]['updatedAt']}/{link.hex()}"


@pytest.mark.stack
def test_links_come_in_pages(sessions: SESSIONS, account_id: UUID) -> None:
    for number in range(5):
        write(sessions, account_id, "a", {"a": number + 1})
    seen, since, more = [], 0, True
    while more:
        with sessions() as session:
            page, more = hash_chain.list_links(scope(session, account_id), since=since, limit=2)
        seen += [one["vectorClock"]["a"] for one in page]
        since = timestamps.parse(page[-1]["updatedAt"], "")
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.stack
def test_a_remembered_head_is_found_in_the_past(sessions: SESSIONS, account_id: UUID) -> None:
    write(sessions, account_id, "a", {"a": 1})
    first = head(sessions, account_id)
    write(sessions, account_id, "a", {"a": 2})
    for remembered in (first, head(sessions, account_id)):
        check(sessions, account_id, remembered)


@pytest.mark.stack
@pytest.mark.parametrize("other", ["stamp", "link", "account"])
def test_another_past_is_a_fork(sessions: SESSIONS, account_id: UUID, other: str) -> None:
    write(sessions, account_id, "a", {"a": 1})
    known = head(sessions, account_id)
    remembered = {
        "stamp": ChainPoint(known.stamp + 1, known.link),
        "link": ChainPoint(known.stamp, sha256(b"another")),
        "account": known,
    }[other]
    asked = UUID(int=0) if other == "account" else account_id
    with pytest.raises(ConflictError) as told:
        check(sessions, asked, remembered)
    expected = None if other == "account" else str(known)
    assert (told.value.code, told.value.extra) == ("fork_detected", {"syncHead": expected})


@pytest.mark.unit
@pytest.mark.parametrize(
    "text", ["", "x", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z/x", "/" + 64 * "0"]
)
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        hash_chain.parse_point(text, "/X-Sync-Head")


@pytest.mark.unit
def test_a_time_that_never_was_is_in_nobodys_past() -> None:
    assert hash_chain.parse_point("2026-02-30T12:00:00.000000Z/" + 64 * "0", "").stamp < 0


@pytest.mark.unit
def test_a_head_is_read_as_it_is_told() -> None:
    point = ChainPoint(
        timestamps.from_datetime(datetime(2026, 1, 31, 12, tzinfo=UTC)) + 7, sha256(b"")
    )
    assert hash_chain.parse_point(str(point), "") == point


@pytest.mark.stack
def test_a_digest_is_of_the_states_that_are_not_deleted(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1}, data="one", entity="one")
    write(sessions, account_id, "a", {"a": 2}, data="two", entity="two")
    write(sessions, account_id, "a", {"a": 3}, data="three", entity="one")
    with sessions() as session:
        digest = usage.compute_digest(scope(session, account_id))
        states = read_page(session, account_id).states
    hashed = b""
    for one in states:
        hashed += hash_chain.hash_change(
            (one["type"], one["entityId"]),
            one["version"],
            one["vectorClock"],
            one["agentId"],
            deleted=one["deleted"],
            data_hash=sha256(one["encryptedData"].encode()),
        )
        hashed += one["updatedAt"].encode()
    assert digest.types == {"settings": {"count": 2, "hash": sha256(hashed).hex()}}
    assert digest.head == head(sessions, account_id)
    with sessions() as session:
        nobody = scope(session, UUID(int=0))
        assert usage.compute_digest(nobody) == usage.AccountDigest({}, None)
