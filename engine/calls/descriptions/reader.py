"""Execution of commands on the document that a service publishes, however large it is.

A thread of the worker reads small documents. A child process reads large ones: their values take
many times the memory of their text, and the child can be killed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson

from engine.calls.descriptions import commands
from engine.calls.errors import failure
from engine.egress.account_places import AccountPlaces
from engine.egress.guard import Answer
from engine.errors import EngineError
from engine.expressions.sandbox.fair_queue import ACCOUNT
from engine.language import json_and_yaml

# In YAML the limit is that of a definition, as YAML is slow to read.
DESCRIPTION_BYTES_MAX = 8 * 1_048_576
# The values of a larger document may take more than ten megabytes.
THREAD_BYTES_MAX = 131_072
CHILDREN_MAX = 2  # a host has two cores
WALL_SECONDS_MAX = 10.0
RESULT_BYTES_MAX = 2 * 1_048_576
TOO_HEAVY = "the service's description needs more time or memory than allowed"

_CHILD = Path(__file__).with_name("child.py")
_places = AccountPlaces(CHILDREN_MAX, share=1)


async def execute(command: str, answer: Answer, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a command on the document in an answer, JSON or YAML.

    :raises ApplicationError: of type communication, when the server answered an error.
    :raises ValueError: when the document or the arguments are at fault.
    """
    if answer.status != HTTPStatus.OK:
        raise failure("communication", f"the server answered {answer.status}", answer.status)
    is_json = answer.body.lstrip()[:1] == b"{"
    if len(answer.body) <= THREAD_BYTES_MAX:
        return await asyncio.to_thread(_execute_here, command, answer.body, is_json, arguments)
    text = answer.body if is_json else await asyncio.to_thread(_convert, answer.body)
    async with _places.place(ACCOUNT.get()):
        return await _execute_in_child(command, text, arguments)


def _execute_here(
    command: str, body: bytes, is_json: bool, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    document = commands.read_json(body) if is_json else _read_yaml(body)
    return commands.execute(command, document, dict(arguments))


def _convert(body: bytes) -> bytes:
    """Return a YAML document as JSON."""
    return orjson.dumps(_read_yaml(body))


def _read_yaml(body: bytes) -> dict[str, Any]:
    try:
        return json_and_yaml.read(body.decode(errors="replace"), "application/yaml")
    except EngineError as error:
        detail = error.faults[0].detail if error.faults else error.detail
        raise ValueError(f"the service's description cannot be read: {detail}") from None


async def _execute_in_child(
    command: str, text: bytes, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_CHILD), command, *_import_paths()),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(WALL_SECONDS_MAX):
            output = await _exchange(child, orjson.dumps(arguments), text)
        result = orjson.loads(output)
    except (TimeoutError, orjson.JSONDecodeError):
        raise ValueError(TOO_HEAVY) from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if "error" in result:
        raise ValueError(result["error"])
    members: dict[str, Any] = result["result"]
    return members


async def _exchange(child: Process, arguments: bytes, text: bytes) -> bytes:
    """Send a child its input and return its output, as far as it may be."""
    assert child.stdin is not None  # noqa: S101 - requested at its start
    assert child.stdout is not None  # noqa: S101 - same
    with suppress(ConnectionError):  # it has ended: it writes no output either
        child.stdin.writelines([arguments, b"\n"])
        child.stdin.write(text)
        await child.stdin.drain()
    child.stdin.close()
    output = bytearray()
    while len(output) <= RESULT_BYTES_MAX and (part := await child.stdout.read(65_536)):
        output += part
    return bytes(output[: RESULT_BYTES_MAX + 1])


def _import_paths() -> list[str]:
    spec = importlib.util.find_spec("orjson")
    origin = None if spec is None else spec.origin
    packages = [] if origin is None else [str(Path(origin).parent.parent)]
    return [str(Path(__file__).parents[3]), *packages]
