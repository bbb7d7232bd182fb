"""An MQTT broker on the loopback, with and without TLS, on which somebody counts aloud.

It is a process of its own: `python -m bin.devtools.fakes.mqtt PORT TLS_PORT CERTIFICATE KEY
REDIS_URL`. What the library leaves open when a client goes is nobody else's concern then.
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

PASSWORD = "s3cret"  # noqa: S105 - of brokers that live as long as a test
EVERY_SECONDS = 0.02


class Door(BaseAuthPlugin):  # type: ignore[misc]
    """Lets in who says no name, and who knows the password."""

    async def authenticate(self, *, session: Session) -> bool | None:
        """Tell whether a client may come in."""
        return session.username is None or session.password == PASSWORD


@asynccontextmanager
async def broker(port: int, tls_port: int, certificate: str, key: str) -> AsyncIterator[MQTTClient]:
    """Run the broker for the duration of the block, and give a client of it."""
    plain = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
    safe = {
        "type": "tcp",
        "bind": f"127.0.0.1:{tls_port}",
        "ssl": True,
        "certfile": certificate,
        "keyfile": key,
    }
    plugins: dict[str, Any] = {"bin.devtools.fakes.mqtt.Door": {}}
    running = Broker({"listeners": {"default": plain, "safe": safe}, "plugins": plugins})
    await running.start()
    client = MQTTClient(config={"auto_reconnect": False})
    await client.connect(f"mqtt://127.0.0.1:{port}")
    try:
        yield client
    finally:
        await client.disconnect()
        await running.shutdown()


async def count(port: str, tls_port: str, certificate: str, key: str, redis_url: str) -> None:
    """Count on both brokers until the process ends."""
    async with broker(int(port), int(tls_port), certificate, key) as client:
        with Redis.from_url(redis_url) as redis:
            number = 0
            while True:
                number += 1
                tick = json.dumps({"n": number, "room": "ab"[number % 2]})
                redis.publish("ticks", tick)
                await client.publish("ticks", tick.encode(), qos=0)
                await asyncio.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    asyncio.run(count(*sys.argv[1:]))
