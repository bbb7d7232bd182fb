"""The hub's one connection to Redis."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from engine.config.settings import Settings
from engine.sync import notifications
from web.realtime import redis_pubsub
from web.realtime.hub import Hub, RealtimeListener

pytestmark = pytest.mark.stack


SECONDS_MAX = 60
BREAKS = 3  # each is followed by a pause of a second


def listener_of(account_id: str) -> RealtimeListener:
    return RealtimeListener(account_id, "laptop")


async def cut_off(redis: Redis, name: str) -> None:
    """End the connection that has a name."""
    for client in await redis.client_list():
        if client["name"] == name:
            await redis.client_kill_filter(_id=client["id"])


async def confirmed(listener: RealtimeListener, times: int) -> None:
    """Return once Redis has confirmed so often that it tells us of a stream's account."""
    while listener.gaps <= times:
        listener.wake_up.clear()
        await listener.wake_up.wait()


async def subscribed(redis: Redis, name: str) -> None:
    """Return once the connection that has a name is subscribed to something."""
    while not any(
        client["name"] == name and int(client["sub"]) for client in await redis.client_list()
    ):
        pass  # each look waits for Redis


async def test_a_process_without_listeners_keeps_its_connection(settings: Settings) -> None:
    url = settings.need("redis_url")
    hub, listener = Hub(f"{url}?client_name=quiet"), listener_of("an account")
    with capture_logs() as said:
        hub.start()
        async with asyncio.timeout(SECONDS_MAX), Redis.from_url(url) as redis:
            await subscribed(redis, "quiet")
        async with hub.listen(listener):  # what the connection was told before is behind us then
            assert listener.gaps == 2  # as it was made, and by the one confirmation
        await hub.stop()
    assert [line["event"] for line in said] == []


async def test_what_comes_back_at_once_is_confirmed_anew(settings: Settings) -> None:
    url = settings.need("redis_url")
    hub = Hub(f"{url}?client_name=returning")
    hub.start()
    async with asyncio.timeout(SECONDS_MAX), Redis.from_url(url) as redis:
        await subscribed(redis, "returning")
        for _ in range(20):
            listener = listener_of("a guest")
            async with hub.listen(listener):
                assert hub.is_confirmed("a guest")
                assert listener.gaps >= 2
        while (await redis.pubsub_numsub(notifications.hint_channel("a guest")))[0][1]:
            pass
    await hub.stop()


async def test_streams_that_come_and_go_while_the_connection_breaks_hear_in_the_end(
    settings: Settings,
) -> None:
    url, broken = settings.need("redis_url"), asyncio.Event()
    hub = Hub(f"{url}?client_name=broken")

    async def come_and_go(account_id: str) -> None:
        while not broken.is_set():
            async with hub.listen(listener_of(account_id)):
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
            listener = listener_of("an account")
            async with hub.listen(listener):
                await confirmed(listener, 1)
                hint = {"by": "phone", "head": "2026-01-01T00:00:00Z", "types": ["settings"]}
                listener.wake_up.clear()
                await redis.publish(notifications.hint_channel("an account"), json.dumps(hint))
                await listener.wake_up.wait()
        await hub.stop()
    assert listener.changes.head == hint["head"]
    assert {line["event"] for line in said} == {"redis_connection_lost"}


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
    hub, listener = Hub(f"redis://127.0.0.1:{port}/0"), listener_of("an account")
    async with asyncio.timeout(SECONDS_MAX), server:
        hub.start()
        async with hub.listen(listener):
            await confirmed(listener, 1)
            dumb[0].set()
            await confirmed(listener, 2)
            assert hub.is_confirmed("an account")
        await hub.stop()
    assert len(dumb) == 2
