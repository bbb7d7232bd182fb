"""`bin/supply`: what the platform is made of, written down so that it can be checked.

`requirements.lock` has the hashes of every file of the releases that requirements.txt names, for all systems;
`docs/licences.md` has their licences. Hosts need the "." at the end of requirements.txt, and pip refuses it
beside hashes: so the hashes lie in a file of their own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from bin.devtools.ops.licences import NotAllowedError, page
from bin.devtools.stack.platform import ROOT

REQUIREMENTS = ROOT / "requirements.txt"
LOCK = ROOT / "requirements.lock"
LICENCES = ROOT / "docs" / "licences.md"
_OPENING = "# Written by bin/supply: every file of the releases that requirements.txt names, by its SHA-256.\n"
_COMPILE = (
    *(
        "-m",
        "piptools",
        "compile",
        "--quiet",
        "--generate-hashes",
        "--allow-unsafe",
        "--strip-extras",
    ),
    *(
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--no-emit-options",
    ),
    "--no-emit-trusted-host",
)


def pins(text: str) -> dict[str, str]:
    """Return the versions that a requirements file pins, by normalised name (PEP 503)."""
    rows = (
        line.split()[0].split("==") for line in text.splitlines() if "==" in line and line[0] != "#"
    )
    return {row[0].lower().replace("_", "-").replace(".", "-"): row[1] for row in rows}


def difference(requirements: str, lock: str) -> list[str]:
    """Return the pins that only one of the two files has, as `name==version`."""
    ours, theirs = pins(requirements), pins(lock)
    return sorted(f"{name}=={version}" for name, version in ours.items() ^ theirs.items())


def locked(requirements: str) -> str:
    """Ask pip's own index for the hashes of all files of the pinned releases; return the lock's text.

    :raises subprocess.CalledProcessError: when a release is missing, or the pins do not fit together
    """
    with tempfile.TemporaryDirectory(prefix="supply-") as folder:
        wanted, written = Path(folder) / "wanted.in", Path(folder) / "written.lock"
        wanted.write_text(
            "".join(line for line in requirements.splitlines(keepends=True) if line != ".\n")
        )
        command = [sys.executable, *_COMPILE, "--output-file", str(written), str(wanted)]
        subprocess.run(command, cwd=folder, check=True)
        return _OPENING + written.read_text()


def write_sbom(file: Path) -> None:
    """Write the locked packages, with their hashes, as CycloneDX 1.6 JSON, validated against its schema.

    :raises subprocess.CalledProcessError: when it cannot be written or is not valid
    """
    made = ("requirements", str(LOCK), "--spec-version", "1.6", "--output-format", "JSON")
    options = ("--validate", "--output-reproducible", "--output-file", str(file))
    subprocess.run([sys.executable, "-m", "cyclonedx_py", *made, *options], check=True)


def main() -> int:
    """Write, or check, or describe; return 1 when a check fails."""
    parser = argparse.ArgumentParser(
        prog="bin/supply", description="Writes the lock and the list of licences."
    )
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--check", action="store_true", help="say whether both are up to date; change nothing"
    )
    one.add_argument(
        "--sbom", metavar="FILE", type=Path, help="write a CycloneDX 1.6 SBOM in JSON there"
    )
    asked = parser.parse_args()
    requirements = REQUIREMENTS.read_text()
    try:
        licences = page(pins(requirements))
    except NotAllowedError as fault:
        print(fault, file=sys.stderr)
        return 1
    if asked.check:
        differing = difference(requirements, LOCK.read_text())
        stale = differing or ([] if LICENCES.read_text() == licences else [LICENCES.name])
        print("\n".join(stale) or "up to date")
        return bool(stale)
    if asked.sbom:
        write_sbom(asked.sbom)
        return 0
    LOCK.write_text(locked(requirements))
    LICENCES.write_text(licences)
    return 0


if __name__ == "__main__":
    sys.exit(main())
