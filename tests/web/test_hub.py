"""The hub's one connection to Redis."""

import asyncio

from redis.asyncio import Redis
from structlog.testing import capture_logs

from engine.settings import Settings
from web.live.heard import Heard
from web.live.hub import NOBODY, Hub, Stream

SECONDS_MAX = 30


async def test_a_process_without_listeners_keeps_its_connection(settings: Settings) -> None:
    url = settings.need("redis_url")
    hub, stream = Hub(url), Stream("an account", "laptop", Heard(""))
    with capture_logs() as said:
        hub.start()
        async with asyncio.timeout(SECONDS_MAX), Redis.from_url(url) as redis:
            while not (await redis.pubsub_numsub(NOBODY))[0][1]:
                pass  # each look waits for Redis
        async with hub.joined(stream):  # what the connection was told before is behind us then
            assert stream.missed == 2  # as it was made, and by the one confirmation
        await hub.stop()
    assert [line["event"] for line in said] == []
