"""Virtual environments that are complete or absent, for `bin/setup` and `bin/scan`.

An environment is a directory in `.venvs`, named by a hash of all that determines it. It is built
at its final path, because its scripts hold that path. A symbolic link such as `.venv` leads to it
and is replaced in one step, once everything is installed. So whoever uses the link gets the
environment from before or the one from after, also when the installation is killed.

This program runs before anything is installed: it needs Python 3.11 and the standard library.
"""

from __future__ import annotations

import argparse
import configparser
import fcntl
import hashlib
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BUILDS = ".venvs"
# The environment from before stays: a process may still run in it, and a branch may return to it.
BUILDS_MAX = 2
COMPLETE = ".complete"
DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that determines an environment; the paths are relative to the checkout `root`."""

    root: Path
    link: str
    locks: Sequence[str]  # requirement files in which every package has its hashes
    editable: bool  # whether the checkout itself is installed too

    def digest(self) -> str:
        """Return a hash of the recipe, the interpreter and the path of the checkout."""
        place = f"{self.root}\n{sys.base_prefix}\n{sys.version}\n{self.editable}\n"
        digest = hashlib.sha256(place.encode())
        for name in self.locks:
            digest.update((self.root / name).read_bytes())
        if self.editable:
            digest.update(_build_settings(self.root).encode())
        return digest.hexdigest()[:DIGEST_LENGTH]


def ensure(recipe: Recipe) -> None:
    """Point the link at the environment of the recipe, which is built if missing.

    :raises subprocess.CalledProcessError: when it cannot be built; the link stays as it was
    """
    link, build = (
        recipe.root / recipe.link,
        recipe.root / BUILDS / f"{recipe.link}-{recipe.digest()}",
    )
    if _leads(link, build):
        return
    build.parent.mkdir(exist_ok=True)
    with (build.parent / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(
                "waiting for another process that installs packages ...",
                file=sys.stderr,
                flush=True,
            )
            fcntl.flock(lock, fcntl.LOCK_EX)
        if _leads(link, build):
            return
        if not (build / COMPLETE).exists():
            print(
                f"installing the pinned packages into {recipe.link} ...",
                file=sys.stderr,
                flush=True,
            )
            shutil.rmtree(build, ignore_errors=True)  # what an installation left that was killed
            _install(recipe, build, lock.fileno())
        (build / COMPLETE).touch()
        _point(link, build)
        _prune(recipe, build)


def _build_settings(root: Path) -> str:
    """Return the settings of the project that installing it reads, without those of linters.

    The packages it requires act through the locks.
    """
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(root / "setup.cfg")
    settings.remove_section("options.extras_require")
    settings.remove_option("options", "install_requires")
    sections = {
        name: dict(settings[name]) for name in settings if name.startswith(("metadata", "options"))
    }
    system = tomllib.loads((root / "pyproject.toml").read_text())["build-system"]
    return f"{sections}{system}"


def _leads(link: Path, build: Path) -> bool:
    return (
        link.is_symlink()
        and link.readlink() == _target(build)
        and (link / "bin" / "python").exists()
    )


def _target(build: Path) -> Path:
    return Path(BUILDS, build.name)


def _install(recipe: Recipe, build: Path, lock: int) -> None:
    """Build the environment. The children hold the lock too, so it outlives a killed parent."""

    def run(*command: str | Path) -> None:
        subprocess.run(command, cwd=recipe.root, check=True, pass_fds=[lock])

    run(sys.executable, "-I", "-m", "venv", build)
    pip = (
        build / "bin" / "python",
        "-I",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    )
    run(*pip, "--require-hashes", *(word for name in recipe.locks for word in ("-r", name)))
    if recipe.editable:  # by the setuptools whose hash was checked
        run(*pip, "--no-deps", "--no-build-isolation", "--editable", ".")


def _point(link: Path, build: Path) -> None:
    """Replace the link in one step; remove a directory of its name, which a link cannot replace."""
    aside = build.with_name(f"{link.name}-aside")
    if link.is_dir() and not link.is_symlink():
        link.rename(aside)
    fresh = build.with_name(f"{link.name}-link")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(_target(build))
    fresh.rename(link)
    shutil.rmtree(aside, ignore_errors=True)


def _prune(recipe: Recipe, build: Path) -> None:
    """Remove all but the newest environments of this link, and what was left incomplete."""
    builds = list(build.parent.glob(f"{recipe.link}-{'[0-9a-f]' * DIGEST_LENGTH}"))
    complete = [path for path in builds if (path / COMPLETE).exists()]
    newest = sorted(complete, key=lambda path: (path / COMPLETE).stat().st_mtime_ns)[-BUILDS_MAX:]
    for path in builds:
        if path not in newest:
            shutil.rmtree(path, ignore_errors=True)


def main(arguments: Sequence[str]) -> int:
    """Ensure the environment that the command line describes; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Builds a virtual environment from locked packages."
    )
    parser.add_argument("link", help="the name that leads to the environment, such as .venv")
    parser.add_argument("locks", nargs="+", metavar="FILE", help="requirement files with hashes")
    parser.add_argument("--editable", action="store_true", help="install the checkout itself too")
    options = parser.parse_args(arguments)
    recipe = Recipe(Path.cwd().resolve(), options.link, options.locks, options.editable)
    try:
        ensure(recipe)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except subprocess.CalledProcessError as error:
        print(f"installing failed: {error}", file=sys.stderr)
        if "venv" in error.cmd:
            print("on Debian, apt-get install python3-venv", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
