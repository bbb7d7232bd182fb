"""What a listener has been told, whatever order it comes in."""

import pytest

from web.realtime.delivered import Heard

pytestmark = pytest.mark.unit


ONE, TWO, THREE, FOUR = (f"2026-01-01T00:00:0{second}.000000Z" for second in range(1, 5))


def test_a_hint_and_the_notice_of_the_same_change_are_told_once() -> None:
    heard = Heard(ONE)
    assert heard.hear(TWO, ["settings"], complete=False)
    assert heard.take() == {"head": TWO, "types": ["settings"]}
    assert not heard.hear(TWO, ["settings"], complete=True)
    assert heard.take() is None


def test_what_was_known_at_the_start_is_not_told() -> None:
    heard = Heard(TWO)
    assert not heard.hear(ONE, ["settings"], complete=True)
    assert not heard.hear(TWO, ["agent"], complete=False)
    assert heard.take() is None


def test_a_hint_that_was_overtaken_still_names_its_type_and_the_head_never_goes_back() -> None:
    heard = Heard(ONE)
    heard.hear(THREE, ["settings"], complete=False)
    heard.take()
    assert heard.hear(TWO, ["workflow"], complete=False)
    assert heard.take() == {"head": THREE, "types": ["workflow"]}


def test_a_lost_hint_is_made_up_for_by_the_notice() -> None:
    heard = Heard(ONE)
    heard.hear(THREE, ["settings"], complete=False)
    heard.take()
    assert heard.hear(THREE, ["settings", "workflow"], complete=True)
    assert heard.take() == {"head": THREE, "types": ["workflow"]}
    assert not heard.hear(TWO, ["agent"], complete=False), "the notice left nothing out"


def test_a_slow_listener_finds_all_types_in_one_notice() -> None:
    heard = Heard(ONE)
    heard.hear(TWO, ["workflow"], complete=True)
    heard.hear(THREE, ["settings"], complete=True)
    assert heard.take() == {"head": THREE, "types": ["settings", "workflow"]}
    assert heard.take() is None


def test_a_notice_after_a_gap_does_not_hide_what_the_gap_swallowed() -> None:
    heard = Heard(ONE)
    heard.hear(THREE, ["settings"], complete=False)  # a notice, but the one before it may be lost
    heard.take()
    assert heard.floor == ONE, "the database is asked from here"
    assert heard.hear(THREE, ["settings", "workflow"], complete=True)
    assert heard.take() == {"head": THREE, "types": ["workflow"]}


def test_what_a_page_has_shown_need_not_be_told_and_what_came_after_must() -> None:
    heard = Heard("")
    heard.hear(TWO, ["settings"], complete=False)
    heard.hear(FOUR, ["agent"], complete=False)
    heard.forget(THREE)
    assert heard.take() == {"head": FOUR, "types": ["agent"]}
