"""Long polls, and the number of requests that the rate limits counted for an account."""

from __future__ import annotations

from typing import Any

from redis import Redis

from bin.devtools.stack.client import Client
from tests.support.platform import Platform

PULL = "/api/sync/pull"
SOON_SECONDS = 20  # less than the 25 seconds after which a poll ends in any case


class Counts:
    """Sync requests that the rate limits counted for an account, in the last minute or two."""

    def __init__(self, platform: Platform) -> None:
        self.redis: Redis = Redis.from_url(platform.environ["REDIS_URL"])

    def of(self, client: Client) -> int:
        account_id = client.request("GET", "/api/auth/me")["id"]
        counts: list[Any] = []
        for key in self.redis.scan_iter(f"*{{{account_id}}}/sync/*"):
            counts += self.redis.hmget(key, "count", "before")
        return sum(int(count or 0) for count in counts)
