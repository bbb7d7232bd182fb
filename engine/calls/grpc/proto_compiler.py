"""Protos of strangers, read in a process of their own: no environment, no files, little memory and time."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from temporalio.exceptions import ApplicationError

WALL_SECONDS_MAX = 10.0
CHILDREN_MAX = 2  # as many as a host has cores: more would only wait for each other

_CHILD = Path(__file__).with_name("proto_worker.py")
_turn: asyncio.Semaphore | None = None


async def ask(work: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Have a child `write` a request or `read` answers.

    :raises ApplicationError: of the kind that the child names; configuration when it does not survive.
    """
    global _turn  # noqa: PLW0603 - made where there is a loop to belong to
    _turn = _turn or asyncio.Semaphore(CHILDREN_MAX)
    async with _turn:
        told = await _run(work, json.dumps(asked).encode())
    if "error" in told:
        raise ApplicationError(told["detail"], type=told["error"], non_retryable=True)
    return told


async def _run(work: str, text: bytes) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_CHILD), work, *_import_paths()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"GRPC_PYTHON_DISABLE_DYNAMIC_STUBS": "1"},
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(WALL_SECONDS_MAX):
            written, _ = await child.communicate(text)
        found: dict[str, Any] = json.loads(written)
    except (TimeoutError, ValueError):
        text_ = "the proto, or what is said by it, takes more time or memory than it may"
        raise ApplicationError(text_, type="configuration", non_retryable=True) from None
    else:
        return found
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def _import_paths() -> list[str]:
    spec = importlib.util.find_spec("grpc_tools")
    return (
        [str(Path(spec.origin).parent.parent)]
        if spec is not None and spec.origin is not None
        else []
    )
