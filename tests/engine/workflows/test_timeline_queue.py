"""Entries of journals wait in lines that take turns."""

from datetime import UTC, datetime

import pytest

from engine.contracts.timeline import COUNTED_PHASES, STARTED, TimelineEntry
from engine.workflows.executions.timeline_queue import LINE_MAX, TURN, TURNS, TimelineQueue

pytestmark = pytest.mark.unit


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(account_id: str, execution_id: str, seq: int) -> TimelineEntry:
    """Make an entry."""
    counts = tuple(0 for _ in COUNTED_PHASES)
    return TimelineEntry(
        account_id, execution_id, seq, "/do/0", "set", STARTED, 1, NOON, None, (), counts
    )


def fill(lines: TimelineQueue, account_id: str, execution_id: str, count: int) -> None:
    for seq in range(1, count + 1):
        lines.put(entry(account_id, execution_id, seq), stores=True)


def seqs(lines: TimelineQueue) -> list[tuple[str, int]]:
    return [(one.execution_id, one.seq) for waiting in lines.batch() for one in waiting.entries]


def test_a_flood_of_one_account_does_not_delay_anothers_entries() -> None:
    lines = TimelineQueue()
    fill(lines, "flood", "a", 5 * TURN)
    fill(lines, "other", "b", 1)
    batch = seqs(lines)
    assert batch == [*(("a", seq) for seq in range(1, TURN + 1)), ("b", 1)]
    fill(lines, "late", "c", 1)
    assert seqs(lines)[-1] == ("c", 1)


def test_every_account_is_first_in_its_turn() -> None:
    lines = TimelineQueue()
    for number in range(TURNS + 1):
        fill(lines, f"account {number}", f"execution {number}", TURN + 1)
    assert {name for name, _ in seqs(lines)} == {f"execution {number}" for number in range(TURNS)}
    assert seqs(lines)[0] == (f"execution {TURNS}", 1)


def test_executions_of_an_account_share_its_turn() -> None:
    lines = TimelineQueue()
    for name in ("a", "b", "c"):
        fill(lines, "account", name, TURN // 2)
    assert {name for name, _ in seqs(lines)} == {"a", "b"}
    assert {name for name, _ in seqs(lines)} == {"c"}
    assert seqs(lines) == []


def test_what_is_cut_by_the_end_of_a_turn_says_how_far_it_has_come() -> None:
    lines = TimelineQueue()
    fill(lines, "account", "a", TURN + 3)
    (first,), (rest,) = lines.batch(), lines.batch()
    assert (first.last.seq, rest.last.seq, len(rest.entries)) == (TURN, TURN + 3, 3)


def test_what_is_given_back_goes_before_what_came_since() -> None:
    lines = TimelineQueue()
    fill(lines, "account", "a", 2)
    taken = lines.take("account", "a")
    assert taken is not None
    lines.put(entry("account", "a", 3), stores=True)
    lines.give_back(taken)
    assert seqs(lines) == [("a", 1), ("a", 2), ("a", 3)]
    assert lines.take("account", "a") is None


def test_an_entry_that_is_not_kept_or_one_too_many_only_says_how_far_the_execution_is() -> None:
    lines = TimelineQueue()
    fill(lines, "account", "a", LINE_MAX + 5)
    found = lines.take("account", "a")
    assert found is not None
    assert (len(found.entries), found.last.seq) == (LINE_MAX, LINE_MAX + 5)
    lines.put(entry("account", "a", 7), stores=False)
    again = lines.take("account", "a")
    assert again is not None
    assert (again.entries, again.last.seq) == ([], 7)
