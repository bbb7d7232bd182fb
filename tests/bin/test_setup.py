"""`bin/setup` may run several times at once and be killed: an environment is complete or absent."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bin.devtools.ops.environment import Recipe
from bin.devtools.stack.platform import ROOT

pytestmark = pytest.mark.unit


# Builds the checkout's own package. Where HOLD names a pipe it reads that first, and so keeps the
# installation half done until the test closes the pipe.
BACKEND = """
import os, pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    if "HOLD" in os.environ:
        pathlib.Path(os.environ["HOLD"]).read_bytes()
    about = "cloud_api-0.1.0.dist-info"
    metadata = "Metadata-Version: 2.1\\nName: cloud-api\\nVersion: 0.1.0\\n"
    tags = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    with zipfile.ZipFile(pathlib.Path(folder, "cloud_api-0.1.0-py3-none-any.whl"), "w") as wheel:
        wheel.writestr(f"{about}/METADATA", metadata)
        wheel.writestr(f"{about}/WHEEL", tags)
        wheel.writestr(f"{about}/RECORD", "")
    return "cloud_api-0.1.0-py3-none-any.whl"
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
SETTINGS = (
    "[metadata]\nname = cloud-api\nversion = 0.1.0\n[options]\ninstall_requires =\n    production\n"
)
INSTALLING = "installing the pinned packages"
WAITING = "waiting for another process"


def add_package(checkout: Path, name: str) -> str:
    """Put a minimal package for pip beside the checkout; return its row of the lock."""
    about = f"{name}-1.0.dist-info"
    file = checkout.parent / "wheels" / f"{name}-1.0-py3-none-any.whl"
    file.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", "def main() -> None: ...\n")
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
        archive.writestr(f"{about}/RECORD", "")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh clone as `bin/setup` sees one, with two small packages to install."""
    folder = tmp_path / "a clone"
    for name in ("bin/setup", "bin/devtools/ops/environment.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "setup.cfg").write_text(SETTINGS)
    (folder / "requirements.lock").write_text(add_package(folder, "production"))
    (folder / "bin/requirements.txt").write_text(add_package(folder, "tools"))
    return folder


@pytest.fixture
def exits() -> Iterator[ExitStack]:
    with ExitStack() as processes:
        yield processes


def start(checkout: Path, processes: ExitStack, **more: str) -> "subprocess.Popen[str]":
    """Start `bin/setup` in another directory; pip takes packages from beside the checkout."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PIP_")}
    environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (checkout.parent / "wheels").as_uri()}
    command = [checkout / "bin/setup"]
    process = subprocess.Popen(
        command, cwd=checkout.parent, env=environ | more, stderr=subprocess.PIPE, text=True
    )
    processes.enter_context(process)
    processes.callback(process.kill)
    return process


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def recipe(checkout: Path) -> Recipe:
    return Recipe(checkout, ".venv", ["requirements.lock", "bin/requirements.txt"], editable=True)


def is_complete(checkout: Path) -> bool:
    script = (
        "import production, tools; from importlib.metadata import version; version('cloud-api')"
    )
    return not subprocess.run([checkout / ".venv/bin/python", "-c", script], check=False).returncode


def test_of_three_at_once_one_installs_and_all_end_well(checkout: Path, exits: ExitStack) -> None:
    (checkout / ".venv/bin").mkdir(parents=True)  # what is no link is replaced
    (checkout / ".venv/bin/python").touch()
    (checkout / ".venvs").mkdir()
    with (checkout / ".venvs/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        setups = [start(checkout, exits) for _ in range(3)]
        assert all(first_line(setup).startswith(WAITING) for setup in setups)
    words = "".join(setup.communicate()[1] for setup in setups)
    assert [setup.returncode for setup in setups] == [0, 0, 0]
    assert words.count(INSTALLING) == 1
    assert is_complete(checkout)
    subprocess.run(
        [checkout / ".venv/bin/tools"], check=True
    )  # a script holds the path of its environment
    again = start(checkout, exits)
    assert again.communicate()[1] == ""
    assert again.returncode == 0


def test_a_killed_installation_leaves_nothing_half_made(checkout: Path, exits: ExitStack) -> None:
    pipe = checkout / "pipe"
    os.mkfifo(pipe)
    process = start(checkout, exits, HOLD=str(pipe))
    with pipe.open(
        "w"
    ):  # opens once the backend reads: the packages are there, the checkout is not
        process.kill()
        process.wait()
        assert not (checkout / ".venv").exists()
        second = start(checkout, exits)
        assert first_line(second).startswith(WAITING)  # for pip, which goes on without its parent
    assert INSTALLING in second.communicate()[1]
    assert second.returncode == 0
    assert is_complete(checkout)
    assert len(list((checkout / ".venvs").glob(".venv-*"))) == 1


def test_a_failed_installation_leaves_the_environment_from_before(
    checkout: Path, exits: ExitStack
) -> None:
    before = checkout / ".venvs/before"
    before.mkdir(parents=True)
    (checkout / ".venv").symlink_to(before)
    (checkout / "requirements.lock").write_text(f"production==1.0 --hash=sha256:{'0' * 64}\n")
    process = start(checkout, exits)
    assert "DO NOT MATCH THE HASHES" in process.communicate()[1]
    assert process.returncode == 1
    assert (checkout / ".venv").readlink() == before


def test_what_determines_an_environment_names_it(checkout: Path) -> None:
    digests = {recipe(checkout).digest()}
    (checkout / "pyproject.toml").write_text(f"{PROJECT}[tool.ruff]\nline-length = 100\n")
    (checkout / "setup.cfg").write_text(f"{SETTINGS}    tools\n")  # which acts through the locks
    assert {recipe(checkout).digest()} == digests
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write(add_package(checkout, "another"))
    digests.add(recipe(checkout).digest())
    (checkout / "setup.cfg").write_text(SETTINGS.replace("0.1.0", "0.2.0"))
    digests.add(recipe(checkout).digest())
    shutil.copytree(checkout, checkout.with_name("a copy"))
    digests.add(recipe(checkout.with_name("a copy")).digest())
    assert len(digests) == 4


def test_an_old_python_is_refused(checkout: Path, exits: ExitStack) -> None:
    old = start(checkout, exits, PYTHON="false")
    assert "Python 3.11 or newer is needed" in old.communicate()[1]
    assert old.returncode == 1
