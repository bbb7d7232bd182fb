"""Search attributes, registered by a release on a real Temporal server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from bin.devtools.stack.server import free_port
from bin.devtools.stack.temporal import start_temporal
from worker.temporal.search_attributes import NAMES, register

pytestmark = pytest.mark.stack


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[str]:
    """A Temporal server of its own, on which nothing is registered."""
    server, address, _ = start_temporal(tmp_path, free_port(), free_port(), search_attributes=())
    yield address
    server.stop()


def release(address: str) -> subprocess.CompletedProcess[str]:
    """Run the command of the release as its host does."""
    environ = os.environ | {"TEMPORAL_ADDRESS": address}
    command = [sys.executable, "-m", "worker.temporal.search_attributes"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


async def test_what_is_missing_is_registered_once_and_can_be_asked_for_at_once(bare: str) -> None:
    client = await Client.connect(bare)
    for name in NAMES:
        with pytest.raises(RPCError, match=name):
            await client.count_workflows(f"{name} = '-'")
    first, second = await asyncio.gather(register(client), register(client))
    assert sorted({*first, *second}) == sorted(NAMES)
    for name in NAMES:
        assert (await client.count_workflows(f"{name} = '-'")).count == 0
    again = await asyncio.to_thread(release, bare)
    assert (again.returncode, again.stdout) == (0, "search attributes: none registered anew\n")


def test_a_release_without_temporal_fails_and_says_why() -> None:
    told = release(f"127.0.0.1:{free_port()}")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("search attributes: ")
