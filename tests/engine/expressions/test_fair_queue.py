"""Who waits for a child is served account by account, and no place is lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.expressions.sandbox.fair_queue import BusyError, Places, Taker

pytestmark = pytest.mark.unit


def test_accounts_are_served_in_turn_whatever_one_of_them_asks_for() -> None:
    places, served = Places([1]), list[str]()
    holder: Taker[int] = Taker("first")
    places.take(holder, 0)

    def work(account: str) -> None:
        taker: Taker[int] = Taker(account)
        place = places.take(taker, 60)
        served.append(account)
        places.leave(taker, place)

    with ThreadPoolExecutor(6) as threads:
        for waiting, account in enumerate(["many", "many", "many", "many", "one", "two"], start=1):
            threads.submit(work, account)
            while places.waiting() < waiting:
                threading.Event().wait(0)
        places.leave(holder, 1)
    assert served == ["many", "one", "two", "many", "many", "many"]


def test_who_waited_in_vain_is_no_longer_in_line() -> None:
    places = Places(["only"])
    holder, late = Taker[str]("a"), Taker[str]("b")
    places.take(holder, 0)
    with pytest.raises(BusyError):
        places.take(late, 0)
    places.leave(late, "nothing")
    assert places.waiting() == 0
    places.leave(holder, "again")
    assert places.take(Taker("c"), 0) == "again"


def test_a_place_that_came_too_late_is_given_to_the_next() -> None:
    places = Places(["only"])
    holder, late = Taker[str]("a"), Taker[str]("b")
    places.take(holder, 0)
    with pytest.raises(BusyError):
        places.take(late, 0)
    places.leave(holder, "given")
    places.leave(late, "given")
    assert places.take(Taker("c"), 0) == "given"
