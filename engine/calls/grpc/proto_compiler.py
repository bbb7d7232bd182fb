"""Compilation of external protos in a confined child process.

The child has no environment, no files, no network, and limited memory and time.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import sys
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

from engine.calls.errors import failure
from engine.expressions.sandbox.account_shares import AccountShares
from engine.expressions.sandbox.fair_queue import ACCOUNT

WALL_SECONDS_MAX = 10.0
ANSWER_BYTES_MAX = 8 * 1_048_576  # a request, and the proto as compiled, in Base64
CHILDREN_MAX = 2  # a host has two cores
CHILDREN_PER_ACCOUNT = 1

_CHILD = Path(__file__).with_name("proto_worker.py")
_children: asyncio.Semaphore | None = None
_shares = AccountShares(CHILDREN_PER_ACCOUNT)


async def execute(command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Let a child process `encode` a request or `decode` messages.

    :raises ApplicationError: of the kind that the child returns; of type configuration when the
        child exceeds its limits.
    """
    global _children  # noqa: PLW0603 - a semaphore belongs to the event loop of its first use
    _children = _children or asyncio.Semaphore(CHILDREN_MAX)
    async with _shares.hold(ACCOUNT.get()), _children:
        result = await _run(command, json.dumps(arguments).encode())
    if "error" in result:
        raise failure(result["error"], result["detail"])
    return result


async def _run(command: str, text: bytes) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_CHILD), command, *_import_paths()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"GRPC_PYTHON_DISABLE_DYNAMIC_STUBS": "1"},
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(WALL_SECONDS_MAX):
            output = await _exchange(child, text)
        result: dict[str, Any] = json.loads(output)
    except (TimeoutError, ValueError):
        detail = "the proto, or its messages, need more time or memory than allowed"
        raise failure("configuration", detail) from None
    else:
        return result
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def _exchange(child: Process, text: bytes) -> bytes:
    """Send a child its input and return its output.

    :raises ValueError: when the output is larger than ours can be.
    """
    assert child.stdin is not None  # noqa: S101 - requested at its start
    assert child.stdout is not None  # noqa: S101 - same
    child.stdin.write(text)
    with contextlib.suppress(ConnectionError):  # it ended before: its output says how
        await child.stdin.drain()
    child.stdin.close()
    output = bytearray()
    while part := await child.stdout.read(65_536):
        output += part
        if len(output) > ANSWER_BYTES_MAX:
            raise ValueError("a child writes without an end")
    return bytes(output)


def _import_paths() -> list[str]:
    spec = importlib.util.find_spec("grpc_tools")
    paths = [str(Path(__file__).parents[3])]
    if spec is not None and spec.origin is not None:
        paths.append(str(Path(spec.origin).parent.parent))
    return paths
