"""The hub's one connection to Redis."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from engine.config.settings import Settings
from engine.sync import hints
from web.realtime import redis_pubsub
from web.realtime.delivered import Heard
from web.realtime.hub import Hub, Stream

pytestmark = pytest.mark.stack


SECONDS_MAX = 60
BREAKS = 3  # each is followed by a pause of a second


def stream_of(account_id: str) -> Stream:
    return Stream(account_id, "laptop", Heard(""))


async def cut_off(redis: Redis, name: str) -> None:
    """End the connection that has a name."""
    for client in await redis.client_list():
        if client["name"] == name:
            await redis.client_kill_filter(_id=client["id"])


async def confirmed(stream: Stream, times: int) -> None:
    """Return once Redis has confirmed so often that it tells us of a stream's account."""
    while stream.missed <= times:
        stream.changed.clear()
        await stream.changed.wait()


async def subscribed(redis: Redis, name: str) -> None:
    """Return once the connection that has a name is subscribed to something."""
    while not any(
        client["name"] == name and int(client["sub"]) for client in await redis.client_list()
    ):
        pass  # each look waits for Redis


async def test_a_process_without_listeners_keeps_its_connection(settings: Settings) -> None:
    url = settings.need("redis_url")
    hub, stream = Hub(f"{url}?client_name=quiet"), stream_of("an account")
    with capture_logs() as said:
        hub.start()
        async with asyncio.timeout(SECONDS_MAX), Redis.from_url(url) as redis:
            await subscribed(redis, "quiet")
        async with hub.joined(stream):  # what the connection was told before is behind us then
            assert stream.missed == 2  # as it was made, and by the one confirmation
        await hub.stop()
    assert [line["event"] for line in said] == []


async def test_what_comes_back_at_once_is_confirmed_anew(settings: Settings) -> None:
    url = settings.need("redis_url")
    hub = Hub(f"{url}?client_name=returning")
    hub.start()
    async with asyncio.timeout(SECONDS_MAX), Redis.from_url(url) as redis:
        await subscribed(redis, "returning")
        for _ in range(20):
            stream = stream_of("a guest")
            async with hub.joined(stream):
                assert hub.hears("a guest")
                assert stream.missed >= 2
        while (await redis.pubsub_numsub(hints.channel("a guest")))[0][1]:
            pass
    await hub.stop()


async def test_streams_that_come_and_go_while_the_connection_breaks_hear_in_the_end(
    settings: Settings,
) -> None:
    url, broken = settings.need("redis_url"), asyncio.Event()
    hub = Hub(f"{url}?client_name=broken")

    async def come_and_go(account_id: str) -> None:
        while not broken.is_set():
            async with hub.joined(stream_of(account_id)):
                await asyncio.sleep(0)

    hub.start()
    with capture_logs() as said:
        async with asyncio.timeout(SECONDS_MAX), Redis.from_url(url) as redis:
            guests = [asyncio.create_task(come_and_go(f"guest-{number}")) for number in range(20)]
            for _ in range(BREAKS):
                await subscribed(redis, "broken")
                await cut_off(redis, "broken")
            broken.set()
            await asyncio.gather(*guests)
            stream = stream_of("an account")
            async with hub.joined(stream):
                await confirmed(stream, 1)
                hint = {"by": "phone", "head": "2026-01-01T00:00:00Z", "types": ["settings"]}
                stream.changed.clear()
                await redis.publish(hints.channel("an account"), json.dumps(hint))
                await stream.changed.wait()
        await hub.stop()
    assert stream.heard.head == hint["head"]
    assert {line["event"] for line in said} == {"notices_interrupted"}


async def test_an_end_that_says_nothing_any_more_is_taken_for_lost(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_pubsub, "PING_SECONDS", 0.1)
    monkeypatch.setattr(redis_pubsub, "SILENCE_SECONDS_MAX", 3.0)
    url = urlsplit(settings.need("redis_url"))
    dumb: list[asyncio.Event] = []  # a connection each: it neither ends nor says anything

    async def pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            if not silent.is_set():
                writer.write(data)
        writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent = asyncio.Event()
        dumb.append(silent)
        answers, other = await asyncio.open_connection(url.hostname, url.port)
        await asyncio.gather(pump(reader, other, silent), pump(answers, writer, silent))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hub, stream = Hub(f"redis://127.0.0.1:{port}/0"), stream_of("an account")
    async with asyncio.timeout(SECONDS_MAX), server:
        hub.start()
        async with hub.joined(stream):
            await confirmed(stream, 1)
            dumb[0].set()
            await confirmed(stream, 2)
            assert hub.hears("an account")
        await hub.stop()
    assert len(dumb) == 2
