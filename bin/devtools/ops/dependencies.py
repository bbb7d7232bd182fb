"""`bin/lock`: makes the locked requirement files from the packages that setup.cfg declares.

`requirements.lock` has every production package with the hashes of all files of its release.
`requirements.txt` has the same versions and a "." for the platform itself: Procfile hosts read it,
and pip refuses "." beside hashes. `bin/requirements.txt` has the packages of the extras, and
`bin/scanners.txt` those of the extra `scan`, both with hashes. `docs/reference/licences.md` has the
licences of the production packages.
"""

from __future__ import annotations

import argparse
import configparser
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bin.devtools.ops.licences import NotAllowedError, page
from bin.devtools.stack.platform import ROOT

REQUIREMENTS = ROOT / "requirements.txt"
LOCK = ROOT / "requirements.lock"
TOOLS = ROOT / "bin" / "requirements.txt"
SCANNERS = ROOT / "bin" / "scanners.txt"
LICENCES = ROOT / "docs" / "reference" / "licences.md"
_OPENING = "# Written by bin/lock from setup.cfg; not edited by hand.\n"
_COMPILE = (
    *("-m", "piptools", "compile", "--quiet", "--generate-hashes", "--allow-unsafe"),
    "--strip-extras",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-options",
    "--no-emit-trusted-host",
)


def declarations() -> dict[str, list[str]]:
    """Return the requirements of setup.cfg, by extra; those of production are under ""."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "setup.cfg")
    lists = {"": settings["options"]["install_requires"], **settings["options.extras_require"]}
    return {extra: text.split() for extra, text in lists.items()}


def tool_declarations() -> list[str]:
    """Return the requirements of all extras that share an environment with production."""
    extras = declarations()
    return sorted(
        {row for extra, rows in extras.items() if extra not in ("", "scan") for row in rows}
    )


def pins(text: str) -> dict[str, str]:
    """Return the versions that a requirements file pins, by normalised name (PEP 503)."""
    rows = (
        line.split()[0].split("==") for line in text.splitlines() if "==" in line and line[0] != "#"
    )
    return {canonicalize_name(row[0]): row[1] for row in rows}


def requirements(lock: str) -> str:
    """Return requirements.txt for a lock: the versions without hashes, and the platform itself."""
    rows = [line.split()[0] for line in lock.splitlines() if "==" in line]
    return _OPENING + "".join(f"{row}\n" for row in rows) + ".\n"


def unmet(declared_rows: Sequence[str], versions: dict[str, str]) -> list[str]:
    """Return the declared requirements for which no pin has a version that they allow."""
    return [
        str(row)
        for row in map(Requirement, declared_rows)
        if not row.specifier.contains(
            versions.get(canonicalize_name(row.name), ""), prereleases=True
        )
        or canonicalize_name(row.name) not in versions
    ]


def stale() -> list[str]:
    """Return a line for everything that `bin/lock` would write and that is not there."""
    lock, tools, scanners = LOCK.read_text(), TOOLS.read_text(), SCANNERS.read_text()
    extras = declarations()
    lines = [f"{LOCK.name}: {row}" for row in unmet(extras[""], pins(lock))]
    lines += [
        f"{TOOLS.name}: {row}" for row in unmet(tool_declarations(), pins(lock) | pins(tools))
    ]
    lines += [f"{SCANNERS.name}: {row}" for row in unmet(extras["scan"], pins(scanners))]
    if REQUIREMENTS.read_text() != requirements(lock):
        lines.append(REQUIREMENTS.name)
    if LICENCES.read_text() != page(pins(lock)):
        lines.append(LICENCES.name)
    return lines


def compile_lock(
    declared_rows: Sequence[str], before: str, options: Sequence[str], constraints: str = ""
) -> str:
    """Resolve requirements by pip's index; versions of `before` stay unless options change them.

    :raises subprocess.CalledProcessError: when a release is missing, or requirements conflict
    """
    with tempfile.TemporaryDirectory(prefix="lock-") as folder:
        source, bounds, lock = (
            Path(folder) / name for name in ("source.in", "bounds.txt", "packages.lock")
        )
        bounds.write_text(
            "".join(f"{name}=={version}\n" for name, version in pins(constraints).items())
        )
        source.write_text("".join(f"{row}\n" for row in declared_rows) + f"-c {bounds}\n")
        lock.write_text(before)
        command = [sys.executable, *_COMPILE, *options, "--output-file", str(lock), str(source)]
        subprocess.run(command, cwd=folder, check=True)
        rows = lock.read_text().splitlines(keepends=True)
        return "".join(row for row in rows if not row.startswith("#") and row.strip())


def without(lock: str, names: Sequence[str]) -> str:
    """Return a lock without the packages of these normalised names."""
    rows = lock.replace("\\\n", "\\").splitlines()
    others = (row for row in rows if canonicalize_name(row.split("==")[0]) not in names)
    return "".join(f"{row}\n" for row in others).replace("\\", "\\\n")


def write_locks(options: Sequence[str]) -> None:
    """Resolve what setup.cfg declares and write the locked files; `options` go to pip-compile.

    :raises subprocess.CalledProcessError: when a release is missing, or requirements conflict
    """
    extras = declarations()
    lock = compile_lock(extras[""], LOCK.read_text(), options)
    union = [*extras[""], *tool_declarations()]
    tools = compile_lock(union, LOCK.read_text() + TOOLS.read_text(), options, constraints=lock)
    scanners = compile_lock(extras["scan"], SCANNERS.read_text(), options)
    LOCK.write_text(_OPENING + lock)
    REQUIREMENTS.write_text(requirements(lock))
    TOOLS.write_text(_OPENING + without(tools, list(pins(lock))))
    SCANNERS.write_text(_OPENING + scanners)


def write_sbom(file: Path) -> None:
    """Write the locked packages and their hashes as CycloneDX 1.6 JSON; check it by its schema.

    :raises subprocess.CalledProcessError: when it cannot be written or is not valid
    """
    source = ("requirements", str(LOCK), "--spec-version", "1.6", "--output-format", "JSON")
    options = ("--validate", "--output-reproducible", "--output-file", str(file))
    subprocess.run([sys.executable, "-m", "cyclonedx_py", *source, *options], check=True)


def main() -> int:
    """Write, check or describe the locks; return 1 when a check fails."""
    parser = argparse.ArgumentParser(
        prog="bin/lock",
        description="Locks the packages that setup.cfg declares, and lists their licences.",
    )
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument("--upgrade-package", metavar="NAME", action="append", default=[])
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--check", action="store_true", help="say what is out of date; change nothing")
    one.add_argument(
        "--licences", action="store_true", help="write docs/reference/licences.md alone"
    )
    one.add_argument(
        "--sbom", metavar="FILE", type=Path, help="write a CycloneDX 1.6 SBOM in JSON there"
    )
    arguments = parser.parse_args()
    try:
        if arguments.check:
            differences = stale()
            print("\n".join(differences) or "up to date")
            return bool(differences)
        if arguments.sbom:
            write_sbom(arguments.sbom)
        elif arguments.licences:
            LICENCES.write_text(page(pins(LOCK.read_text())))
        else:
            packages = [
                word for name in arguments.upgrade_package for word in ("--upgrade-package", name)
            ]
            write_locks([*(["--upgrade"] if arguments.upgrade else []), *packages])
            # Licences are read from what is installed, so the new versions are installed first.
            subprocess.run([ROOT / "bin" / "setup"], check=True)
            subprocess.run([ROOT / "bin" / "lock", "--licences"], check=True)
    except NotAllowedError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
