"""A client receives each change once, in whatever order hints and notifications arrive."""

import pytest

from web.realtime.change_tracker import ChangeTracker

pytestmark = pytest.mark.unit


ONE, TWO, THREE, FOUR = (f"2026-01-01T00:00:0{second}.000000Z" for second in range(1, 5))


def test_a_hint_and_the_notification_of_the_same_change_are_sent_once() -> None:
    tracker = ChangeTracker(ONE)
    assert tracker.add(TWO, ["settings"], is_complete=False)
    assert tracker.take_notification() == {"head": TWO, "types": ["settings"]}
    assert not tracker.add(TWO, ["settings"], is_complete=True)
    assert tracker.take_notification() is None


def test_a_change_before_the_start_is_not_sent() -> None:
    tracker = ChangeTracker(TWO)
    assert not tracker.add(ONE, ["settings"], is_complete=True)
    assert not tracker.add(TWO, ["agent"], is_complete=False)
    assert tracker.take_notification() is None


def test_a_late_hint_still_names_its_type_and_the_head_never_goes_back() -> None:
    tracker = ChangeTracker(ONE)
    tracker.add(THREE, ["settings"], is_complete=False)
    tracker.take_notification()
    assert tracker.add(TWO, ["workflow"], is_complete=False)
    assert tracker.take_notification() == {"head": THREE, "types": ["workflow"]}


def test_a_notification_makes_up_for_a_lost_hint() -> None:
    tracker = ChangeTracker(ONE)
    tracker.add(THREE, ["settings"], is_complete=False)
    tracker.take_notification()
    assert tracker.add(THREE, ["settings", "workflow"], is_complete=True)
    assert tracker.take_notification() == {"head": THREE, "types": ["workflow"]}
    assert not tracker.add(TWO, ["agent"], is_complete=False), "the notification left nothing out"


def test_a_slow_listener_gets_all_types_in_one_notification() -> None:
    tracker = ChangeTracker(ONE)
    tracker.add(TWO, ["workflow"], is_complete=True)
    tracker.add(THREE, ["settings"], is_complete=True)
    assert tracker.take_notification() == {"head": THREE, "types": ["settings", "workflow"]}
    assert tracker.take_notification() is None


def test_a_notification_after_a_gap_does_not_hide_what_was_missed() -> None:
    tracker = ChangeTracker(ONE)
    tracker.add(
        THREE, ["settings"], is_complete=False
    )  # a notification, but the one before may be lost
    tracker.take_notification()
    assert tracker.floor == ONE, "the database is compared from here"
    assert tracker.add(THREE, ["settings", "workflow"], is_complete=True)
    assert tracker.take_notification() == {"head": THREE, "types": ["workflow"]}


def test_what_a_page_has_is_not_sent_again_and_what_came_after_is() -> None:
    tracker = ChangeTracker("")
    tracker.add(TWO, ["settings"], is_complete=False)
    tracker.add(FOUR, ["agent"], is_complete=False)
    tracker.skip_to(THREE)
    assert tracker.take_notification() == {"head": FOUR, "types": ["agent"]}
