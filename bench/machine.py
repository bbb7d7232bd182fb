"""The machine that a measurement ran on, and its speed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
from redis import Redis

from bench.platform import HOME
from bin.devtools.stack.servers import Stack, running

TRIES = 5
LOOPS = 400_000
HASHED_BYTES = 16 * 1024 * 1024


def describe() -> dict[str, str]:
    """Return the machine and the versions of its servers, which are started for that."""
    with running(HOME, database="cloudapi_bench") as stack:
        return {
            "processor": _processor(),
            "cores": str(os.cpu_count()),
            "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
            "system": f"{platform.system()} {platform.release()}",
            "Python": f"{platform.python_implementation()} {platform.python_version()}",
        } | _servers(stack)


def calibration() -> dict[str, float]:
    """Return how long two fixed pieces of work take (ms), at their best of some tries.

    They compare reports of two machines or two days: by Python's own speed, and the processor's.
    """
    return {"interpreted": _best(_run_loop), "hashed": _best(_hash_zeros)}


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def _run_loop() -> int:
    total = 0
    for number in range(LOOPS):
        total = (total * 31 + number) & 0xFFFFFFFF
    return total


def _hash_zeros() -> bytes:
    return hashlib.sha256(bytes(HASHED_BYTES)).digest()


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _servers(stack: Stack) -> dict[str, str]:
    with (
        psycopg.connect(stack.database_url) as connection,
        Redis.from_url(stack.redis_url) as redis,
    ):
        (postgres,) = connection.execute("SHOW server_version").fetchone() or ("",)
        info = redis.info("server")
    valkey = info.get("valkey_version", info["redis_version"])
    return {
        "PostgreSQL": str(postgres),
        "Valkey": str(valkey),
        "Temporal": _temporal(stack.temporal_address),
    }


def _temporal(address: str) -> str:
    """Return the server's version, queried by a program: the SDK's threads would stay."""
    program = Path(sys.executable).parent / "temporal"
    command = [program, "operator", "cluster", "system", "--address", address, "--output", "json"]
    answer = subprocess.run([str(part) for part in command], capture_output=True, check=True)
    return str(json.loads(answer.stdout)["serverVersion"])
