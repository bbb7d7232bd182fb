"""Message brokers for scenarios, Valkey and MQTT, with a publisher of ticks; their documents."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis, RedisError

from bin.devtools.fakes.mqtt import PASSWORD
from bin.devtools.stack.platform import ROOT
from bin.devtools.stack.server import Server, StartError, accepts, free_port, start, stop_all
from bin.devtools.stack.valkey import start_valkey

REDIS, MQTT, API = "redis.example.org", "mqtt.example.org", "api.example.org"
HOSTS = (REDIS, MQTT)
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
    "plain": {
        "payload": {"schemaFormat": "application/schema+json;version=draft-07", "schema": _GREETING}
    },
    "tick": {"payload": _TICK, "correlationId": {"location": "$message.payload#/room"}},
    "text": {"contentType": "text/plain", "payload": {"type": "string"}},
    "avro": {
        "payload": {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {}}
    },
}


def _channel(address: str | None, message: str, *servers: str, **more: Any) -> dict[str, Any]:
    references = [{"$ref": f"#/servers/{server}"} for server in servers]
    messages = {message: {"$ref": f"#/components/messages/{message}"}}
    return {"address": address, "messages": messages, "servers": references, **more}


def _operation(channel: str, action: str = "receive", **bindings: Any) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "bindings": bindings}


DOCUMENT_3: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Greetings", "version": "1"},
    "servers": {
        "kafka": {"host": "kafka.example.org", "protocol": "kafka"},
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
        "inbox": _channel("inbox", "greeting", "kafka", "web"),
        "open": _channel("inbox", "text", "web"),
        "stream": _channel("stream", "tick", "web"),
        "endless": _channel("endless", "tick", "web"),
        "guarded": _channel("guarded", "tick", "web"),
        "ticks": _channel("ticks", "tick", "redis", "mqtt", "mqtts"),
        "room": _channel(
            "rooms/{room}", "plain", "redis", "mqtt", parameters={"room": {"default": "hall"}}
        ),
        "kept": _channel("kept", "plain", "mqtt", "mqtts"),
        "queue": _channel("queue", "plain", "kafka"),
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
    "components": {
        "messages": _MESSAGES,
        "schemas": {"greeting": {"type": "string", "minLength": 2}},
    },
}
DOCUMENT_2 = f"""
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
    subscribe:
      operationId: listenToTicks
      message: {{ oneOf: [ {{ payload: {{ type: object }} }} ] }}
components:
  messages:
    greeting:
      payload:
        type: object
        required: [ greeting ]
        properties: {{ greeting: {{ type: string }} }}
"""


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where the brokers listen."""

    redis: int
    mqtt: int
    mqtts: int

    def addresses(self, port: int) -> Sequence[tuple[str, int]]:
        """Return the address of the broker whose public port is given."""
        ports = {6379: self.redis, 1883: self.mqtt, 8883: self.mqtts}
        return [("127.0.0.1", ports.get(port, 1))]


@contextmanager
def run_brokers(folder: Path, certificate: Path, key: Path) -> Iterator[Brokers]:
    """Run the brokers for the duration of the block.

    :raises StartError: when they do not start.
    """
    for attempt in range(TRIES_MAX):  # another process may have taken a free port
        ports = Brokers(free_port(), free_port(), free_port())
        try:
            servers = _start(ports, folder / str(attempt), certificate, key)
            break
        except (StartError, OSError, RedisError):
            if attempt == TRIES_MAX - 1:
                raise
    try:
        yield ports
    finally:
        stop_all(servers)


def _start(ports: Brokers, folder: Path, certificate: Path, key: Path) -> list[Server]:
    valkey, url = start_valkey(folder, ports.redis)
    try:
        with Redis.from_url(url) as redis:
            redis.execute_command(
                "ACL", "SETUSER", "ada", "on", f">{PASSWORD}", "~*", "&*", "+@all"
            )
            redis.execute_command("ACL", "SETUSER", "guest", "on", f">{PASSWORD}", "-@all")
        mqtt = start(
            "mqtt",
            [
                sys.executable,
                "-m",
                "bin.devtools.fakes.mqtt",
                str(ports.mqtt),
                str(ports.mqtts),
                certificate,
                key,
                url,
            ],
            log=folder / "mqtt.log",
            ready=lambda: accepts(ports.mqtt) and accepts(ports.mqtts),
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    except Exception:
        valkey.stop()
        raise
    return [valkey, mqtt]
