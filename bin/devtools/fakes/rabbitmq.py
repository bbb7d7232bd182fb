"""RabbitMQ broker for tests, as Debian installs it, and its AsyncAPI document."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bin.devtools.fakes.mqtt import PASSWORD
from bin.devtools.stack.server import Server, StartError, accepts, free_port, start, stop_all

HOST = "amqp.example.org"
PRIVATE_HOST = "inside.example.org"  # resolves to an address that the guard refuses
TRIES_MAX = 3
READY_SECONDS_MAX = 150.0  # the start takes some CPU seconds on a busy machine
# Not the script in the path, which changes to another user.
_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

_TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
_NOTE = {
    "payload": _TEXT,
    "correlationId": {"location": "$message.header#/trace"},
    "bindings": {"amqp": {"messageType": "note"}},
}


def _queue(name: str, server: str = "amqp", **queue: Any) -> dict[str, Any]:
    return _channel(name, server, **{"is": "queue", "queue": {"name": name, **queue}})


def _exchange(key: str | None, name: str, server: str = "amqp", **exchange: Any) -> dict[str, Any]:
    return _channel(key, server, **{"is": "routingKey", "exchange": {"name": name, **exchange}})


def _channel(address: str | None, server: str, **binding: Any) -> dict[str, Any]:
    return {
        "address": address,
        "messages": {"note": {"$ref": "#/components/messages/note"}},
        "servers": [{"$ref": f"#/servers/{server}"}],
        "bindings": {"amqp": binding} if binding else {},
    }


_CHANNELS = {
    "work": _queue("work", durable=True),
    "safe": _queue("safe", "amqps", durable=True),
    "made": _queue("made", durable=False),
    "own": _queue("own", exclusive=True),
    "fleeting": _queue("fleeting", autoDelete=True),
    "absent": _queue("absent"),
    "plain": _channel("plain", "amqp"),
    "tenant": _queue("tenant", "tenant"),
    "nowhere": _queue("work", "nowhere"),
    "inside": _queue("work", "inside"),
    "copies": _queue("copies"),
    "news": _exchange("news.today", "news", type="topic"),
    "cast": _exchange(None, "cast", type="fanout", durable=False),
    "void": _exchange("nobody", "news"),
    "lost": _exchange("a", "missing"),
}
_OPERATIONS: dict[str, dict[str, Any]] = {
    "urgent": {"channel": "work", "priority": 5, "deliveryMode": 1, "expiration": 60_000},
    "short": {"channel": "work", "expiration": 0},
    "must": {"channel": "void", "mandatory": True},
    "copied": {"channel": "news", "cc": ["copies"]},
    "odd": {"channel": "work", "deliveryMode": 3},
}
DOCUMENT: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Queues", "version": "1"},
    "servers": {
        "amqp": {"host": HOST, "protocol": "amqp"},
        "amqps": {"host": HOST, "protocol": "amqps"},
        "tenant": {"host": HOST, "protocol": "amqp", "pathname": "/tenant"},
        "nowhere": {"host": HOST, "protocol": "amqp", "pathname": "/nowhere"},
        "inside": {"host": PRIVATE_HOST, "protocol": "amqp"},
    },
    "channels": _CHANNELS,
    "operations": {
        **{
            name: {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
            for name in _CHANNELS
        },
        **{
            name: {
                "action": "send",
                "channel": {"$ref": f"#/channels/{operation['channel']}"},
                "bindings": {
                    "amqp": {key: value for key, value in operation.items() if key != "channel"}
                },
            }
            for name, operation in _OPERATIONS.items()
        },
    },
    "components": {"messages": {"note": _NOTE}},
}

_ALL = {"configure": ".*", "write": ".*", "read": ".*"}
_DEFINITIONS = {
    "users": [{"name": name, "password": PASSWORD, "tags": ""} for name in ("ada", "reader")]
    + [{"name": "guest", "password": "guest", "tags": ""}],
    "vhosts": [{"name": "/"}, {"name": "tenant"}],
    "permissions": [
        {"user": "guest", "vhost": "/", **_ALL},
        {"user": "ada", "vhost": "/", **_ALL},
        {"user": "ada", "vhost": "tenant", **_ALL},
        {"user": "reader", "vhost": "/", "configure": "", "write": "", "read": ".*"},
    ],
    "queues": [
        {"name": name, "vhost": vhost, "durable": True, "auto_delete": False, "arguments": {}}
        for name, vhost in (("plain", "/"), ("copies", "/"), ("tenant", "tenant"))
    ],
    "exchanges": [
        {
            "name": "news",
            "vhost": "/",
            "type": "topic",
            "durable": True,
            "auto_delete": False,
            "internal": False,
            "arguments": {},
        }
    ],
    "bindings": [
        {
            "source": "news",
            "vhost": "/",
            "destination": "copies",
            "destination_type": "queue",
            "routing_key": "copies",
            "arguments": {},
        }
    ],
}


@dataclass(frozen=True, slots=True)
class RabbitBroker:
    """Running broker, with its certificate and key."""

    port: int
    tls_port: int
    certificate: Path
    key: Path

    def addresses(self, port: int) -> Sequence[tuple[str, int]]:
        """Return the address of the broker whose public port is given."""
        return [("127.0.0.1", {5672: self.port, 5671: self.tls_port}.get(port, 1))]


def find_script() -> Path | None:
    """Return the start script, or None when RabbitMQ is not installed."""
    return _SCRIPT if _SCRIPT.exists() and shutil.which("epmd") else None


@contextmanager
def run_broker(script: Path, folder: Path, certificate: Path, key: Path) -> Iterator[RabbitBroker]:
    """Run a broker for a block; all its files are in its folder.

    :raises StartError: when it does not start.
    """
    for attempt in range(TRIES_MAX):  # another process may have taken a free port
        rabbit = RabbitBroker(free_port(), free_port(), certificate, key)
        try:
            servers = _start(rabbit, script, folder / str(attempt))
            break
        except StartError:
            if attempt == TRIES_MAX - 1:
                raise
    try:
        yield rabbit
    finally:
        stop_all(servers, seconds=15.0)


def _start(rabbit: RabbitBroker, script: Path, folder: Path) -> list[Server]:
    """Start epmd, the port registry of Erlang nodes, and then the broker."""
    folder.mkdir(parents=True)
    epmd_port, distribution_port = free_port(), free_port()
    home = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    registry = start(
        "epmd",
        ["epmd", "-address", "127.0.0.1", "-port", str(epmd_port)],
        log=folder / "epmd.log",
        ready=lambda: accepts(epmd_port),
        env=home,
    )
    (folder / "plugins").write_text("[].\n")
    (folder / "environment").write_text("")
    (folder / "definitions.json").write_text(json.dumps(_DEFINITIONS))
    (folder / "rabbitmq.conf").write_text(
        f"""listeners.tcp.1 = 127.0.0.1:{rabbit.port}
listeners.ssl.1 = 127.0.0.1:{rabbit.tls_port}
ssl_options.certfile = {rabbit.certificate}
ssl_options.keyfile = {rabbit.key}
ssl_options.verify = verify_none
load_definitions = {folder / "definitions.json"}
disk_free_limit.absolute = 1MB
vm_memory_high_watermark.absolute = 1GB
log.file = false
log.console = true
"""
    )
    try:
        broker = start(
            "RabbitMQ",
            [script],
            log=folder / "rabbitmq.log",
            seconds=READY_SECONDS_MAX,
            ready=lambda: accepts(rabbit.port) and accepts(rabbit.tls_port),
            env=home | _environment(folder, epmd_port, distribution_port),
        )
    except Exception:
        registry.stop()
        raise
    return [broker, registry]


def _environment(folder: Path, epmd_port: int, distribution_port: int) -> dict[str, str]:
    return {
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "tests@localhost",
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "environment"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
        # One scheduler without busy waiting is enough; the distribution stays on the loopback.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
        " -kernel inet_dist_use_interface {127,0,0,1}",
        "RUNNING_UNDER_SYSTEMD": "true",  # without a shell around the process
    }
