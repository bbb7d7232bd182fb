"""The clock's cases that look beyond one entity."""

from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine.errors import InvalidError
from engine.store.sync import SyncCounter
from tests.support.sync.records import head, refusal, write

pytestmark = pytest.mark.stack


SESSIONS = sessionmaker[Session]


def test_a_clock_that_counts_what_nobody_has_pushed_is_refused_and_told_the_current_version(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1}, data="current")
    for entity, current in (("theme", "current"), ("new", None)):
        told = refusal(write(sessions, account_id, "b", {"a": 2, "b": 1}, entity=entity))
        assert told.code == "unknown_causality"
        assert (told.extra["current"] or {}).get("encryptedData") == current
    assert head(sessions, account_id)
    with sessions() as session:
        seen = select(SyncCounter.agent_id, SyncCounter.counter).where(
            SyncCounter.account_id == account_id
        )
        assert session.execute(seen).all() == [("a", 1)], "what was refused was not seen"


def test_what_another_entity_has_shown_of_an_agent_is_known(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 7}, entity="one")
    assert write(sessions, account_id, "b", {"a": 7, "b": 1}, entity="two").is_accepted
    assert refusal(write(sessions, account_id, "b", {"a": 8, "b": 2}, entity="three")).code == (
        "unknown_causality"
    )


def test_what_a_sibling_has_shown_is_known_too(sessions: SESSIONS, account_id: UUID) -> None:
    write(sessions, account_id, "a", {"a": 1})
    assert refusal(write(sessions, account_id, "b", {"b": 3})).code == "conflict"
    assert write(sessions, account_id, "a", {"a": 2, "b": 3}).is_accepted


def test_a_counter_far_ahead_is_a_jump_wherever_it_is_seen(
    sessions: SESSIONS, account_id: UUID
) -> None:
    assert write(sessions, account_id, "a", {"a": 100_000}).is_accepted
    assert write(sessions, account_id, "a", {"a": 200_000}, entity="other").is_accepted, (
        "near what was seen"
    )
    for entity in ("theme", "third"):
        jump = refusal(write(sessions, account_id, "a", {"a": 300_001}, entity=entity))
        assert isinstance(jump, InvalidError)
        assert (jump.code, jump.faults[0].pointer) == ("clock_jump", "/vectorClock/a")


def test_a_clock_without_its_own_agent_is_compared_and_no_more(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1}, data="first")
    assert write(sessions, account_id, "b", {"a": 2}, data="second").is_accepted
    assert write(sessions, account_id, "b", {"a": 2}, data="second").is_accepted, "a repeat"
    assert refusal(write(sessions, account_id, "b", {"a": 2}, data="third")).code == "clock_reused"
    assert refusal(write(sessions, account_id, "b", {"a": 1})).code == "stale"
    assert refusal(write(sessions, account_id, "b", {"c": 1})).code == "conflict"


def test_other_content_under_a_kept_clock_is_refused_whoever_counts(
    sessions: SESSIONS, account_id: UUID
) -> None:
    write(sessions, account_id, "a", {"a": 1})
    assert refusal(write(sessions, account_id, "b", {"c": 1}, data="kept")).code == "conflict"
    assert refusal(write(sessions, account_id, "b", {"c": 1}, data="other")).code == "clock_reused"
