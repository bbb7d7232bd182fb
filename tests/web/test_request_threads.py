"""No client has all threads of web, and a request that waits for Temporal has none."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from bin.devtools.stack.fresh_keys import new_key
from engine.config.settings import Settings
from engine.errors import UnavailableError
from web.request_threads import (
    WAITS_PER_PLACE,
    WAITS_SHARE,
    RequestPlaces,
    RequestThreads,
    waiting,
)
from web.temporal_client import Temporal

pytestmark = pytest.mark.unit

PLACES = 4
WAITS_PER_CLIENT = PLACES * WAITS_PER_PLACE // WAITS_SHARE


class HaltedTemporal(Temporal):
    """Does not answer before `finish`, and then refuses."""

    def __init__(self, work: "Work") -> None:
        super().__init__(Settings(command_keys=new_key("COMMAND_KEYS")["COMMAND_KEYS"]))
        self.work = work

    def _run(self, work: Coroutine[Any, Any, Any], _seconds_max: float) -> Any:
        work.close()
        self.work.waiting.release()
        self.work.finish.wait()
        raise UnavailableError("temporal_unavailable", "It does not answer.")


class Work:
    """Requests that last until `finish`."""

    def __init__(self) -> None:
        self.threads = RequestThreads(PLACES)
        self.finish = threading.Event()
        self.running = threading.Semaphore(0)
        self.waiting = threading.Semaphore(0)
        self.refusals = 0

    def hold(self) -> None:
        self.running.release()
        self.finish.wait()

    def wait(self) -> None:
        with waiting() as is_free:
            if not is_free:
                self.refusals += 1
            (self.waiting if is_free else self.running).release()
            self.finish.wait()

    def start(self, client: str, name: str, count: int) -> list[asyncio.Task[None]]:
        return [
            asyncio.create_task(self.threads.run(client, getattr(self, name))) for _ in range(count)
        ]

    async def until(self, semaphore: threading.Semaphore, count: int) -> None:
        for _ in range(count):
            await asyncio.to_thread(semaphore.acquire)


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.finish.set()


async def test_a_client_has_half_the_places_at_most(work: Work) -> None:
    greedy = work.start("greedy", "hold", 10)
    await work.until(work.running, PLACES // 2)
    assert await work.threads.run("neighbour", lambda: "served") == "served"
    assert not work.running.acquire(blocking=False), "the others of the client wait"
    work.finish.set()
    await asyncio.gather(*greedy)


def test_clients_take_turns_and_who_resumes_is_the_first_of_its_client() -> None:
    places, order = RequestPlaces(1, share=1), list[str]()
    assert places.enter("holder", order.clear)
    for client in ("many", "many", "one"):
        assert not places.enter(client, partial(order.append, client))
    assert not places.enter("many", partial(order.append, "resumed"), resumes=True)
    for client in ("holder", "many", "one", "many"):
        places.leave(client)
    assert order == ["resumed", "one", "many", "many"]


async def test_a_request_that_waits_leaves_its_place_to_others(work: Work) -> None:
    greedy = work.start("greedy", "wait", WAITS_PER_CLIENT)
    await work.until(work.waiting, WAITS_PER_CLIENT)
    assert await work.threads.run("greedy", lambda: "served") == "served"
    work.finish.set()
    await asyncio.gather(*greedy)
    assert work.refusals == 0


async def test_a_request_that_reads_an_outcome_leaves_its_place_to_others(work: Work) -> None:
    join = partial(HaltedTemporal(work).join, uuid4(), uuid4(), wait=0.0)
    readers = [asyncio.create_task(work.threads.run("reader", join)) for _ in range(PLACES // 2)]
    await work.until(work.waiting, PLACES // 2)
    assert await work.threads.run("reader", lambda: "served") == "served"
    work.finish.set()
    for reader in readers:
        with pytest.raises(UnavailableError):
            await reader


async def test_waits_past_a_client_s_share_hold_places_of_its_own(work: Work) -> None:
    greedy = work.start("greedy", "wait", WAITS_PER_CLIENT + 10)
    await work.until(work.waiting, WAITS_PER_CLIENT)
    await work.until(work.running, PLACES // 2)
    neighbour = work.start("neighbour", "wait", 1)
    await work.until(work.waiting, 1)
    assert work.refusals == PLACES // 2
    work.finish.set()
    await asyncio.gather(*greedy, *neighbour)


async def test_a_request_that_is_given_up_in_line_takes_no_place(work: Work) -> None:
    holders = work.start("a", "hold", PLACES // 2)
    await work.until(work.running, PLACES // 2)
    (late,) = work.start("a", "hold", 1)
    await asyncio.sleep(0)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    work.finish.set()
    await asyncio.gather(*holders)
    assert await work.threads.run("a", lambda: "served") == "served"


def test_a_thread_without_a_place_may_always_wait() -> None:
    with waiting() as is_free:
        assert is_free
