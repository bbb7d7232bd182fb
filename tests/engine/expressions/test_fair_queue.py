"""Who waits for a child is served account by account, and no place is lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.expressions.sandbox.fair_queue import BusyError, FairQueue, Waiter

pytestmark = pytest.mark.unit


def test_accounts_are_served_in_turn_whatever_one_of_them_asks_for() -> None:
    queue, served = FairQueue([1]), list[str]()
    holder: Waiter[int] = Waiter("first")
    queue.take(holder, 0)

    def work(account: str) -> None:
        waiter: Waiter[int] = Waiter(account)
        place = queue.take(waiter, 60)
        served.append(account)
        queue.leave(waiter, place)

    with ThreadPoolExecutor(6) as threads:
        for waiting, account in enumerate(["many", "many", "many", "many", "one", "two"], start=1):
            threads.submit(work, account)
            while queue.waiter_count() < waiting:
                threading.Event().wait(0)
        queue.leave(holder, 1)
    assert served == ["many", "one", "two", "many", "many", "many"]


def test_who_waited_in_vain_is_no_longer_in_line() -> None:
    queue = FairQueue(["only"])
    holder, late = Waiter[str]("a"), Waiter[str]("b")
    queue.take(holder, 0)
    with pytest.raises(BusyError):
        queue.take(late, 0)
    queue.leave(late, "nothing")
    assert queue.waiter_count() == 0
    queue.leave(holder, "again")
    assert queue.take(Waiter("c"), 0) == "again"


def test_a_place_that_came_too_late_is_given_to_the_next() -> None:
    queue = FairQueue(["only"])
    holder, late = Waiter[str]("a"), Waiter[str]("b")
    queue.take(holder, 0)
    with pytest.raises(BusyError):
        queue.take(late, 0)
    queue.leave(holder, "given")
    queue.leave(late, "given")
    assert queue.take(Waiter("c"), 0) == "given"


def test_an_account_never_has_all_items_and_the_last_one_serves_the_others() -> None:
    queue = FairQueue([1, 2, 3], share=2)
    first, second, third = (Waiter[int]("greedy") for _ in range(3))
    queue.take(first, 0)
    queue.take(second, 0)
    with pytest.raises(BusyError):
        queue.take(third, 0)
    neighbour = Waiter[int]("neighbour")
    queue.leave(neighbour, queue.take(neighbour, 0))
    queue.leave(first, first.items[0])
    assert third.items, "it waits still, and has what its own account gave back"


def test_a_waiter_past_its_share_delays_nobody_behind_it() -> None:
    queue, served = FairQueue([1, 2], share=1), list[str]()
    holders = [Waiter[int](account) for account in ("greedy", "other")]
    for holder in holders:
        queue.take(holder, 0)

    def work(account: str) -> None:
        waiter: Waiter[int] = Waiter(account)
        place = queue.take(waiter, 60)
        served.append(account)
        queue.leave(waiter, place)

    with ThreadPoolExecutor(2) as threads:
        for waiting, account in enumerate(["greedy", "third"], start=1):
            threads.submit(work, account)
            while queue.waiter_count() < waiting:
                threading.Event().wait(0)
        queue.leave(holders[1], 2)
        while not served:
            threading.Event().wait(0)
        queue.leave(holders[0], 1)
    assert served == ["third", "greedy"]


def test_one_of_no_account_may_have_all_items() -> None:
    queue = FairQueue([1, 2], share=1)
    assert {queue.take(Waiter(""), 0), queue.take(Waiter(""), 0)} == {1, 2}
