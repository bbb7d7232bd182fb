"""MQTT broker on the loopback, with and without TLS, and a publisher of ticks.

It runs in a process of its own, since the library leaks resources of clients that disconnect:
`python -m bin.devtools.fakes.mqtt PORT TLS_PORT CERTIFICATE KEY REDIS_URL`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from amqtt.broker import Broker
from amqtt.client import MQTTClient
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session
from redis import Redis

PASSWORD = "s3cret"  # noqa: S105 - of brokers that run for one test
EVERY_SECONDS = 0.02


class PasswordPlugin(BaseAuthPlugin):  # type: ignore[misc]
    """Plugin that accepts clients without a name and clients with the password."""

    async def authenticate(self, *, session: Session) -> bool | None:
        """Return whether the broker accepts a client."""
        return session.username is None or session.password == PASSWORD


@asynccontextmanager
async def run_broker(
    port: int, tls_port: int, certificate: str, key: str
) -> AsyncIterator[MQTTClient]:
    """Run the broker for a block and yield a client of it."""
    plain = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
    tls = {
        "type": "tcp",
        "bind": f"127.0.0.1:{tls_port}",
        "ssl": True,
        "certfile": certificate,
        "keyfile": key,
    }
    plugins: dict[str, Any] = {"bin.devtools.fakes.mqtt.PasswordPlugin": {}}
    broker = Broker({"listeners": {"default": plain, "tls": tls}, "plugins": plugins})
    await broker.start()
    client = MQTTClient(config={"auto_reconnect": False})
    await client.connect(f"mqtt://127.0.0.1:{port}")
    try:
        yield client
    finally:
        await client.disconnect()
        await broker.shutdown()


async def publish_ticks(
    port: str, tls_port: str, certificate: str, key: str, redis_url: str
) -> None:
    """Publish ticks on both brokers until the process ends."""
    async with run_broker(int(port), int(tls_port), certificate, key) as client:
        with Redis.from_url(redis_url) as redis:
            number = 0
            while True:
                number += 1
                tick = json.dumps({"n": number, "room": "ab"[number % 2]})
                redis.publish("ticks", tick)
                await client.publish("ticks", tick.encode(), qos=0)
                await asyncio.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    asyncio.run(publish_ticks(*sys.argv[1:]))
