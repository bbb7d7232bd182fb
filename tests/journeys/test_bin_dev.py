"""The two commands of the README do what they say."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.journey


ROOT = Path(__file__).parent.parent.parent
START_SECONDS_MAX = 120


@pytest.fixture
def home() -> Iterator[Path]:
    path = ROOT / ".cloudapi" / "test-dev"
    shutil.rmtree(path, ignore_errors=True)
    yield path
    shutil.rmtree(path)


def environ(home: Path) -> dict[str, str]:
    return os.environ | {"CLOUDAPI_HOME": str(home)}


def left_behind(home: Path) -> list[str]:
    """Every process that was started for this home: they inherit its environment variable."""
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["environ", "cmdline"])
        if (process.info["environ"] or {}).get("CLOUDAPI_HOME") == str(home)
    ]


def once(home: Path) -> dict[str, str]:
    result = subprocess.run(
        [ROOT / "bin" / "dev", "--once"],
        env=environ(home),
        capture_output=True,
        text=True,
        timeout=START_SECONDS_MAX,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return dict(re.findall(r"^([A-Z_]+)=(.+)$", result.stdout, flags=re.MULTILINE))


def test_the_story_holds_and_a_second_start_finds_the_same_account(home: Path) -> None:
    first = once(home)
    assert first["API_URL"].startswith("http://127.0.0.1:")
    assert "/namespaces/default/workflows/execution:" in first["EXECUTION_URL"]
    assert first["CODEC_URL"].startswith("http://demo:")
    second = once(home)
    assert second["DEMO_PASSWORD"] == first["DEMO_PASSWORD"]
    assert second["API_URL"] == first["API_URL"]
    assert left_behind(home) == []


def ignore_interrupts() -> None:
    """Ignore SIGINT in a new process, as a shell does for the background jobs of a script."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_an_interrupt_stops_every_process_of_a_background_job_too(home: Path) -> None:
    dev = subprocess.Popen(
        [ROOT / "bin" / "dev"],
        env=environ(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ignore_interrupts,  # noqa: PLW1509 - it starts no thread
    )
    assert dev.stdout is not None
    lines = iter(dev.stdout.readline, "")
    assert any(line.startswith("curl ") for line in lines)
    env = subprocess.run(
        [ROOT / "bin" / "dev", "--env"],
        env=environ(home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "API_URL=" in env.stdout
    assert "DATABASE_URL=" in env.stdout
    dev.send_signal(signal.SIGINT)
    dev.communicate(timeout=START_SECONDS_MAX)
    assert dev.returncode == 0
    assert left_behind(home) == []
