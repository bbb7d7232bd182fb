"""An account's streams are counted over all web processes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import pytest

from bin.devtools.stack.client import Client
from tests.support.platform import Platform, beside
from tests.support.waiting import until

pytestmark = pytest.mark.platform


DOOR = "/api/sync/events"


@contextmanager
def streams(client: Client, api_url: str, number: int) -> Iterator[list[httpx2.Response]]:
    """Hold streams open at a web process."""
    with (
        httpx2.Client(base_url=api_url, headers=client.http.headers, timeout=20) as http,
        ExitStack() as exits,
    ):
        yield [exits.enter_context(http.stream("GET", DOOR)) for _ in range(number)]


def status(client: Client, api_url: str) -> int:
    """Return what opening one stream more is answered with."""
    with streams(client, api_url, 1) as (stream,):
        return stream.status_code


def test_two_processes_grant_ten_streams_together(platform: Platform, laptop: Client) -> None:
    with beside(platform) as other:
        here, there = platform.api_url, other.api_url
        with streams(laptop, here, 6) as some:
            with streams(laptop, there, 4) as rest:
                assert [stream.status_code for stream in some + rest] == [200] * 10
                assert [status(laptop, url) for url in (here, there)] == [429, 429]
            until(lambda: status(laptop, here) == 200)


def test_the_places_of_a_process_that_died_are_free_again(
    platform: Platform, laptop: Client
) -> None:
    with beside(platform, HEARTBEAT_SECONDS="1") as other, streams(laptop, other.api_url, 10):
        assert status(laptop, platform.api_url) == 429
        other.servers["web"].process.kill()
        until(lambda: status(laptop, platform.api_url) == 200)


def test_a_place_is_kept_as_long_as_its_stream_lasts(platform: Platform, laptop: Client) -> None:
    with (
        beside(platform, HEARTBEAT_SECONDS="1") as other,
        streams(laptop, other.api_url, 10) as held,
    ):
        heartbeats = (line for line in held[0].iter_lines() if line == ": still here")
        for _ in range(4):  # three of which a place lasts without being renewed
            next(heartbeats)
        assert status(laptop, platform.api_url) == 429
