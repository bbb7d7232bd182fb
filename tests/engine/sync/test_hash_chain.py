"""The chain: made by the database, recomputed here from what clients can read."""

import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from engine.contracts import timestamps
from engine.errors import ConflictError, InvalidError
from engine.sync import chain_proof, hash_chain, pull, usage
from engine.sync.hash_chain import Point
from tests.support.sync.records import write

SESSIONS = sessionmaker[Session]
DATA = 'é"\\\u2028\x01😀'


def head(sessions: SESSIONS, account_id: UUID) -> Point:
    with sessions() as session:
        found = pull.pull(session, account_id=account_id).head
    assert found is not None
    return found


def check(sessions: SESSIONS, account_id: UUID, remembered: Point) -> None:
    with sessions() as session:
        chain_proof.check(session, account_id=account_id, remembered=remembered)


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
        told, more = chain_proof.links(session, account_id=account_id, since=0, limit=10)
    assert (len(told), more) == (3, False)
    assert told[0]["dataHash"] == sha256(DATA.encode()).hex()
    link = sha256(f"sync-chain:{account_id}".encode())
    for one in told:
        said = [
            one[name]
            for name in ("type", "entityId", "version", "vectorClock", "agentId", "deleted")
        ]
        text = json.dumps(
            [*said, one["dataHash"]], ensure_ascii=False, separators=(",", ":"), sort_keys=True
        )
        link = sha256(link + sha256(text.encode()) + one["updatedAt"].encode())
        assert one["link"] == link.hex()
    assert str(head(sessions, account_id)) == f"{told[-1]['updatedAt']}/{link.hex()}"


@pytest.mark.stack
def test_links_come_in_pages(sessions: SESSIONS, account_id: UUID) -> None:
    for number in range(5):
        write(sessions, account_id, "a", {"a": number + 1})
    seen, since, more = [], 0, True
    while more:
        with sessions() as session:
            page, more = chain_proof.links(session, account_id=account_id, since=since, limit=2)
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
        "stamp": Point(known.stamp + 1, known.link),
        "link": Point(known.stamp, sha256(b"another")),
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
        hash_chain.parse(text, "/X-Sync-Head")


@pytest.mark.unit
def test_a_time_that_never_was_is_in_nobodys_past() -> None:
    assert hash_chain.parse("2026-02-30T12:00:00.000000Z/" + 64 * "0", "").stamp < 0


@pytest.mark.unit
def test_a_head_is_read_as_it_is_told() -> None:
    point = Point(timestamps.of(datetime(2026, 1, 31, 12, tzinfo=UTC)) + 7, sha256(b""))
    assert hash_chain.parse(str(point), "") == point


@pytest.mark.stack
def test_a_digest_is_of_the_states_that_are_not_deleted(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1}, data="one", entity="one")
    write(sessions, account_id, "a", {"a": 2}, data="two", entity="two")
    write(sessions, account_id, "a", {"a": 3}, data="three", entity="one")
    with sessions() as session:
        found = usage.digest(session, account_id=account_id)
        states = pull.pull(session, account_id=account_id).states
    hashed = b""
    for one in states:
        said = hash_chain.digest(
            one["type"],
            one["entityId"],
            one["version"],
            one["vectorClock"],
            one["agentId"],
            one["deleted"],
            sha256(one["encryptedData"].encode()),
        )
        hashed += said + one["updatedAt"].encode()
    assert found.types == {"settings": {"count": 2, "hash": sha256(hashed).hex()}}
    assert found.head == head(sessions, account_id)
    with sessions() as session:
        assert usage.digest(session, account_id=UUID(int=0)) == usage.Digest({}, None)
