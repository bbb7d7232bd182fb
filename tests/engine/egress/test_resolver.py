"""Names whose servers are silent hold the threads of one account alone."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar

import pytest

from engine.egress import resolver as resolving
from engine.egress.account_places import AccountPlaces
from engine.egress.guard import Egress, EgressError
from engine.egress.resolver import ACCOUNT_THREADS_MAX, NameResolver
from tests.support.egress.origin import get
from tests.support.waiting import until

pytestmark = pytest.mark.unit

ACCOUNT: ContextVar[str] = ContextVar("account", default="")


class Names:
    """System's resolver: names that begin with "slow" get no answer until `end`."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.end = threading.Event()

    def __call__(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        self.requests[host] += 1
        if host.startswith("slow"):
            self.end.wait()
        if host.startswith("none"):
            raise OSError(host)
        return [("192.0.2.1", port)]


async def until_async(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(until, condition)


async def resolve(resolver: NameResolver, account: str, host: str) -> Sequence[tuple[str, int]]:
    ACCOUNT.set(account)
    return await resolver(host, 443)


async def test_an_accounts_silent_names_leave_threads_to_the_others() -> None:
    names = Names()
    resolver = NameResolver(account=ACCOUNT.get, lookup=names)
    stuck = [
        asyncio.create_task(resolve(resolver, "one", f"slow{n}.test"))
        for n in range(4 * ACCOUNT_THREADS_MAX)
    ]
    await until_async(lambda: names.requests.total() == ACCOUNT_THREADS_MAX)
    assert await resolve(resolver, "other", "quick.test") == [("192.0.2.1", 443)]
    assert names.requests.total() == ACCOUNT_THREADS_MAX + 1
    names.end.set()
    assert await asyncio.gather(*stuck) == [[("192.0.2.1", 443)]] * len(stuck)


async def test_a_thread_that_still_waits_counts_after_its_caller_has_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolving, "SECONDS_MAX", 0.05)
    names = Names()
    resolver = NameResolver(account=ACCOUNT.get, lookup=names)
    for n in range(2 * ACCOUNT_THREADS_MAX):
        with pytest.raises(TimeoutError):
            await resolve(resolver, "one", f"slow{n}.test")
    await until_async(lambda: names.requests.total() == ACCOUNT_THREADS_MAX)
    names.end.set()
    monkeypatch.undo()
    assert await resolve(resolver, "one", "quick.test") == [("192.0.2.1", 443)]


async def test_a_name_that_was_resolved_is_asked_for_again_only_later() -> None:
    names = Names()
    resolver = NameResolver(lookup=names)
    await asyncio.gather(*(resolver("quick.test", 443) for _ in range(3)))
    await resolver("quick.test", 443)
    await resolver("quick.test", 80)
    assert names.requests["quick.test"] <= 4
    before = names.requests["quick.test"]
    await resolver("quick.test", 443)
    assert names.requests["quick.test"] == before


async def test_a_number_asks_nobody() -> None:
    names = Names()
    resolver = NameResolver(lookup=names)
    assert await resolver("0x7f.1", 80) == [("127.0.0.1", 80)]
    assert await resolver("::1", 80) == [("::1", 80)]
    assert not names.requests


@pytest.mark.parametrize(("host", "code"), [("none.test", "unreachable"), ("slow.test", "timeout")])
async def test_a_name_without_an_address_is_an_error_of_the_call(
    monkeypatch: pytest.MonkeyPatch, host: str, code: str
) -> None:
    if code == "timeout":
        monkeypatch.setattr(resolving, "SECONDS_MAX", 0.05)
    names = Names()
    with pytest.raises(EgressError) as refusal:
        await Egress(resolver=NameResolver(lookup=names)).send(get(f"http://{host}/"))
    assert refusal.value.code == code
    names.end.set()


async def test_places_go_to_the_accounts_in_turn_and_past_those_who_gave_up() -> None:
    places, order = AccountPlaces(2, share=1), list[str]()

    async def work(account: str, leave: asyncio.Event) -> None:
        async with places.place(account):
            order.append(account)
            await leave.wait()

    leave = asyncio.Event()
    held = [asyncio.create_task(work(account, leave)) for account in ("a", "b")]
    await until_async(lambda: len(order) == 2)
    waiting = [asyncio.create_task(work(account, leave)) for account in ("a", "a", "c", "c", "d")]
    await asyncio.sleep(0)
    for one in (waiting[2], waiting[0]):
        one.cancel()
    leave.set()
    await asyncio.gather(*held, *waiting, return_exceptions=True)
    assert Counter(order) == {"a": 2, "b": 1, "c": 1, "d": 1}
    assert places._taken == {}  # noqa: SLF001 - nothing is left over
    assert not places._lines  # noqa: SLF001 - same
