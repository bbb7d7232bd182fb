"""The clock's cases, and the two races, on the real database."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from engine.errors import TooLargeError
from engine.sync.push import PushResult
from tests.support.sync.records import head, read_page, refusal, write

pytestmark = pytest.mark.stack


def test_a_dominating_clock_is_accepted(sessions: sessionmaker[Session], account_id: UUID) -> None:
    assert write(sessions, account_id, "a", {"a": 1}).is_accepted
    assert write(sessions, account_id, "b", {"a": 1, "b": 1}).is_accepted


def test_a_repeated_push_changes_nothing(sessions: sessionmaker[Session], account_id: UUID) -> None:
    write(sessions, account_id, "a", {"a": 1})
    before = head(sessions, account_id)
    assert write(sessions, account_id, "a", {"a": 1}).is_accepted
    assert head(sessions, account_id) == before


def test_the_same_clock_for_other_content_is_a_clone(
    sessions: sessionmaker[Session], account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1})
    assert refusal(write(sessions, account_id, "a", {"a": 1}, data="other")).code == "clock_reused"


def test_a_counter_used_before_is_a_clone_even_under_a_dominating_clock(
    sessions: sessionmaker[Session], account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1})
    assert refusal(write(sessions, account_id, "a", {"a": 1, "b": 1})).code == "clock_reused"


def test_a_clock_below_is_stale_and_told_the_current_version(
    sessions: sessionmaker[Session], account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1})
    write(sessions, account_id, "a", {"a": 2}, data="newer")
    told = refusal(write(sessions, account_id, "b", {"a": 1}))
    assert told.code == "stale"
    assert told.extra["current"]["encryptedData"] == "newer"
    assert (told.extra["success"], told.extra["version"]) == (False, "v")


def test_a_concurrent_version_is_refused_and_kept_until_it_is_covered(
    sessions: sessionmaker[Session], account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1}, data="current")
    for _ in range(2):  # a retry keeps it once
        told = refusal(write(sessions, account_id, "b", {"b": 1}, data="refused"))
        assert told.code == "conflict"
        assert [one["encryptedData"] for one in told.extra["siblings"]] == ["refused"]
    assert write(sessions, account_id, "a", {"a": 2}, data="ignorant").is_accepted
    with sessions() as session:
        (state,) = read_page(session, account_id).states
    assert [one["encryptedData"] for one in state["siblings"]] == ["refused"]
    assert write(sessions, account_id, "a", {"a": 3, "b": 1}, data="merged").is_accepted
    with sessions() as session:
        (state,) = read_page(session, account_id).states
    assert (state["encryptedData"], state["siblings"]) == ("merged", [])


def test_no_more_than_eight_siblings_are_kept(
    sessions: sessionmaker[Session], account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1})
    for number in range(9):
        told = refusal(write(sessions, account_id, f"b{number}", {f"b{number}": 1}))
    assert len(told.extra["siblings"]) == 8


def test_an_oversized_state_is_refused(sessions: sessionmaker[Session], account_id: UUID) -> None:
    result = write(sessions, account_id, "a", {"a": 1}, data="é" * 600_000)
    assert isinstance(refusal(result), TooLargeError)


def test_of_sixteen_first_writers_one_wins_and_the_others_are_kept_or_refused(
    sessions: sessionmaker[Session], account_id: UUID
) -> None:
    def race(number: int) -> PushResult:
        return write(sessions, account_id, f"a{number}", {f"a{number}": 1}, data=str(number))

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(race, range(16)))
    assert sum(result.is_accepted for result in results) == 1
    assert {refusal(result).code for result in results if not result.is_accepted} == {"conflict"}
    with sessions() as session:
        (state,) = read_page(session, account_id).states
    assert len(state["siblings"]) == 8


def test_a_poller_that_follows_the_cursor_misses_nothing_of_eight_racing_writers(
    sessions: sessionmaker[Session], account_id: UUID, soak: bool
) -> None:
    writers, writes, done = 8, 1_000 if soak else 40, Event()

    def work(agent: int) -> None:
        for number in range(writes):
            write(sessions, account_id, f"w{agent}", {f"w{agent}": 1}, entity=f"{agent}-{number}")

    def poll() -> list[str]:
        seen: list[str] = []
        cursor, last_round = 0, False
        while True:
            last_round = done.is_set()
            with sessions() as session:
                page = read_page(session, account_id, since=cursor, limit=7)
            seen += [state["updatedAt"] + state["entityId"] for state in page.states]
            cursor = page.cursor
            if last_round and not page.states:
                return seen

    with ThreadPoolExecutor(writers + 1) as pool:
        poller = pool.submit(poll)
        list(pool.map(work, range(writers)))
        done.set()
        seen = poller.result()
    assert len(seen) == writers * writes, "none lost"
    assert len(set(seen)) == writers * writes, "none twice"
    assert seen == sorted(seen), "none out of order"
