"""Several web processes behind one address: every stream gets its events in whichever it is."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bin.devtools.stack.client import Client
from tests.support.platform import Platform, beside, new_agent
from tests.support.web.live import push

pytestmark = pytest.mark.platform


DOOR = "/api/sync/events"
STREAMS = 8


@pytest.fixture
def several(platform: Platform) -> Iterator[Platform]:
    with beside(platform, WEB_CONCURRENCY="2") as other:
        yield other


def test_every_stream_hears_wherever_it_is_held_and_all_end_with_the_server(
    several: Platform,
) -> None:
    with new_agent(several) as laptop, ExitStack() as exits:
        heard = []
        for number in range(STREAMS):
            phone = exits.enter_context(Client(several.api_url, f"phone-{number}", laptop.keys))
            phone.login(laptop.email, laptop.password)
            lines = exits.enter_context(phone.http.stream("GET", DOOR)).iter_lines()
            assert next(lines).startswith("retry: ")
            heard.append(lines)
        stamp = push(laptop, "one")
        for lines in heard:
            assert next(line for line in lines if line.startswith("id: ")) == f"id: {stamp}"
        several.servers["web"].process.send_signal(signal.SIGTERM)
        for lines in heard:
            assert not [line for line in lines if line.startswith("id: ")], (
                "it ends, and misses nothing before"
            )
        assert several.servers["web"].process.wait(20) == 0
