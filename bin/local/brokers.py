"""Brokers for scenarios, Valkey and an MQTT broker, on which somebody counts aloud; and their documents."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amqtt.broker import Broker
from amqtt.client import MQTTClient
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session
from redis import Redis, RedisError

from bin.local.server import Server, StartError, free_port
from bin.local.valkey import start_valkey

REDIS, MQTT, API = "redis.example.org", "mqtt.example.org", "api.example.org"
HOSTS = (REDIS, MQTT)
PASSWORD = "s3cret"  # noqa: S105 - of brokers that live as long as a test
EVERY_SECONDS = 0.02
TRIES_MAX = 3

_TICK = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
_GREETING = {
    "type": "object",
    "properties": {"greeting": {"$ref": "#/components/schemas/greeting"}},
    "required": ["greeting"],
    "additionalProperties": False,
}
_MESSAGES = {
    "greeting": {"payload": _GREETING, "headers": {"type": "object", "required": ["trace"]}},
    "plain": {"payload": {"schemaFormat": "application/schema+json;version=draft-07", "schema": _GREETING}},
    "tick": {"payload": _TICK, "correlationId": {"location": "$message.payload#/room"}},
    "text": {"contentType": "text/plain", "payload": {"type": "string"}},
    "avro": {"payload": {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {}}},
}


def _channel(address: str | None, message: str, *servers: str, **more: Any) -> dict[str, Any]:
    places = [{"$ref": f"#/servers/{server}"} for server in servers]
    known = {message: {"$ref": f"#/components/messages/{message}"}}
    return {"address": address, "messages": known, "servers": places, **more}


def _operation(channel: str, action: str = "receive", **bindings: Any) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "bindings": bindings}


THIRD: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Greetings", "version": "1"},
    "servers": {
        "amqp": {"host": "amqp.example.org", "protocol": "amqp"},
        "web": {
            "host": API,
            "protocol": "https",
            "pathname": "/{stage}",
            "variables": {"stage": {"default": "messages", "enum": ["messages", "missing"]}},
        },
        "redis": {"host": f"{REDIS}:6379", "protocol": "redis"},
        "mqtt": {"host": f"{MQTT}:1883", "protocol": "mqtt"},
        "mqtts": {"host": MQTT, "protocol": "secure-mqtt"},
    },
    "channels": {
        "inbox": _channel("inbox", "greeting", "amqp", "web"),
        "open": _channel("inbox", "text", "web"),
        "stream": _channel("stream", "tick", "web"),
        "endless": _channel("endless", "tick", "web"),
        "guarded": _channel("guarded", "tick", "web"),
        "ticks": _channel("ticks", "tick", "redis", "mqtt", "mqtts"),
        "room": _channel("rooms/{room}", "plain", "redis", "mqtt", parameters={"room": {"default": "hall"}}),
        "kept": _channel("kept", "plain", "mqtt", "mqtts"),
        "queue": _channel("queue", "plain", "amqp"),
        "avro": _channel("avro", "avro", "redis"),
    },
    "operations": {
        "greet": _operation("inbox", http={"method": "POST"}),
        "tell": _operation("open"),
        "readInbox": _operation("inbox", "send", http={"method": "GET"}),
        "stream": _operation("stream", "send"),
        "endless": _operation("endless", "send"),
        "guarded": _operation("guarded", "send"),
        "ticks": _operation("ticks", "send", mqtt={"qos": 0}),
        "room": _operation("room"),
        "keep": _operation("kept", mqtt={"qos": 1, "retain": True}),
        "exactly": _operation("kept", mqtt={"qos": 2}),
        "queue": _operation("queue"),
        "avro": _operation("avro"),
    },
    "components": {"messages": _MESSAGES, "schemas": {"greeting": {"type": "string", "minLength": 2}}},
}
SECOND = f"""
asyncapi: 2.6.0
info: {{ title: Greetings, version: '1' }}
defaultContentType: application/json
servers:
  web: {{ url: '{API}/messages', protocol: https }}
  redis: {{ url: 'redis://{REDIS}', protocol: redis }}
channels:
  /inbox:
    servers: [ web ]
    publish: {{ operationId: greet, message: {{ $ref: '#/components/messages/greeting' }} }}
    subscribe: {{ message: {{ payload: {{ type: object }} }} }}
  ticks:
    subscribe: {{ operationId: listenToTicks, message: {{ oneOf: [ {{ payload: {{ type: object }} }} ] }} }}
components:
  messages:
    greeting:
      payload: {{ type: object, required: [ greeting ], properties: {{ greeting: {{ type: string }} }} }}
"""


class Door(BaseAuthPlugin):  # type: ignore[misc]
    """Lets in who says no name, and who knows the password."""

    async def authenticate(self, *, session: Session) -> bool | None:
        """Tell whether a client may come in."""
        return session.username is None or session.password == PASSWORD


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where the brokers listen."""

    redis: int
    mqtt: int
    mqtts: int

    def addresses(self, port: int) -> Sequence[tuple[str, int]]:
        """Return where the broker listens that is asked for at a port."""
        known = {6379: self.redis, 1883: self.mqtt, 8883: self.mqtts}
        return [("127.0.0.1", known.get(port, 1))]


@contextmanager
def brokers(folder: Path, certificate: Path, key: Path) -> Iterator[Brokers]:
    """Run the brokers for the duration of the block.

    :raises StartError: when they do not come up.
    """
    for attempt in range(TRIES_MAX):  # a port that was free may be somebody else's by now
        try:
            running = _Running.start(folder / str(attempt), certificate, key)
            break
        except (StartError, OSError, RedisError):
            if attempt == TRIES_MAX - 1:
                raise
    try:
        yield running.at
    finally:
        running.stop()


@dataclass(slots=True)
class _Running:
    """The brokers, and the thread in which one of them is and somebody counts."""

    at: Brokers
    valkey: Server
    url: str
    certificate: Path
    key: Path
    ready: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    failure: Exception | None = None

    @classmethod
    def start(cls, folder: Path, certificate: Path, key: Path) -> _Running:
        at = Brokers(free_port(), free_port(), free_port())
        valkey, url = start_valkey(folder, at.redis)
        running = cls(at, valkey, url, certificate, key)
        with Redis.from_url(url) as redis:
            redis.execute_command("ACL", "SETUSER", "ada", "on", f">{PASSWORD}", "~*", "&*", "+@all")
            redis.execute_command("ACL", "SETUSER", "guest", "on", f">{PASSWORD}", "-@all")
        running.thread = threading.Thread(target=running.run, name="brokers")
        running.thread.start()
        running.ready.wait()
        if running.failure is not None:
            running.stop()
            raise StartError(f"no MQTT broker: {running.failure}")
        return running

    def run(self) -> None:
        try:
            asyncio.run(_serve(self.at, self.certificate, self.key, self.url, self.ready, self.stopped))
        except Exception as error:  # noqa: BLE001 - it is raised where the brokers are started
            self.failure = error
        finally:
            self.ready.set()

    def stop(self) -> None:
        self.stopped.set()
        if self.thread is not None:
            self.thread.join()
        self.valkey.stop()


async def _serve(
    at: Brokers, certificate: Path, key: Path, url: str, ready: threading.Event, stopped: threading.Event
) -> None:
    async with _mqtt(at, certificate, key) as client:
        with Redis.from_url(url) as redis:
            number = 0
            ready.set()
            while not stopped.is_set():
                number += 1
                tick = json.dumps({"n": number, "room": "ab"[number % 2]})
                redis.publish("ticks", tick)
                await client.publish("ticks", tick.encode(), qos=0)
                await asyncio.sleep(EVERY_SECONDS)


@asynccontextmanager
async def _mqtt(at: Brokers, certificate: Path, key: Path) -> AsyncIterator[MQTTClient]:
    plain = {"type": "tcp", "bind": f"127.0.0.1:{at.mqtt}"}
    safe = {"type": "tcp", "bind": f"127.0.0.1:{at.mqtts}", "ssl": True}
    safe |= {"certfile": str(certificate), "keyfile": str(key)}
    plugins: dict[str, Any] = {f"{Door.__module__}.{Door.__qualname__}": {}}
    broker = Broker({"listeners": {"default": plain, "safe": safe}, "plugins": plugins})
    await broker.start()
    client = MQTTClient(config={"auto_reconnect": False})
    await client.connect(f"mqtt://127.0.0.1:{at.mqtt}")
    try:
        yield client
    finally:
        await client.disconnect()
        await broker.shutdown()
