"""What the platform is made of is written down, hashed and allowed."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bin.devtools.ops.licences import is_allowed, licence, page
from bin.devtools.ops.supply import LICENCES, LOCK, REQUIREMENTS, difference, pins, write_sbom
from bin.devtools.stack.platform import ROOT


def test_the_lock_names_what_the_requirements_name() -> None:
    assert pins(LOCK.read_text())
    assert not difference(REQUIREMENTS.read_text(), LOCK.read_text()), "bin/supply writes it"


def test_a_version_that_only_one_file_has_is_told() -> None:
    assert difference("Flask==3.1.3\n.\n", "flask==3.1.2 \\\n    --hash=sha256:00\n") == [
        "flask==3.1.2",
        "flask==3.1.3",
    ]


def test_every_pin_of_the_lock_has_a_hash() -> None:
    rows = LOCK.read_text().replace("\\\n", "").splitlines()
    packages = [row for row in rows if "==" in row]
    assert packages
    assert not [row for row in packages if "--hash=sha256:" not in row]


def test_the_licences_are_up_to_date_and_allowed() -> None:
    assert LICENCES.read_text() == page(pins(REQUIREMENTS.read_text())), "bin/supply writes it"


@pytest.mark.parametrize(
    "expression", ["GPL-3.0-only", "AGPL-3.0-or-later", "MIT OR GPL-2.0-only", ""]
)
def test_a_licence_nobody_decided_on_is_refused(expression: str) -> None:
    assert not is_allowed(expression)


def test_licences_are_read_as_packages_say_them() -> None:
    assert licence("dramatiq") == "LGPL-3.0-or-later"
    assert licence("orjson") == "MPL-2.0 AND (Apache-2.0 OR MIT)"


def wheel(folder: Path) -> str:
    """Make the smallest package that pip installs; return its SHA-256."""
    about = "sample-1.0.dist-info"
    file = folder / "sample-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def installed(folder: Path, row: str) -> subprocess.CompletedProcess[str]:
    """Install as bin/setup does, from a folder instead of an index."""
    lock = folder / "requirements.lock"
    lock.write_text(f"{row}\n")
    options = (
        "--isolated",
        "--no-index",
        "--find-links",
        str(folder),
        "--target",
        str(folder / "into"),
    )
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--require-hashes",
        *options,
        "-r",
        str(lock),
    ]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_file_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    digest = wheel(tmp_path)
    wrong = installed(tmp_path, f"sample==1.0 --hash=sha256:{'0' * 64}")
    assert wrong.returncode
    assert "DO NOT MATCH THE HASHES" in wrong.stderr
    assert installed(tmp_path, "sample==1.0").returncode
    assert not installed(tmp_path, f"sample==1.0 --hash=sha256:{digest}").returncode


def test_setup_checks_the_hashes() -> None:
    assert "--hashed requirements.lock" in (ROOT / "bin" / "setup").read_text()


def test_the_sbom_is_valid_and_names_what_is_locked(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    write_sbom(file)
    made = json.loads(file.read_text())
    assert made["specVersion"] == "1.6"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text()) is None
    named = {
        part["name"].lower().replace("_", "-").replace(".", "-"): part["version"]
        for part in made["components"]
    }
    assert named == pins(LOCK.read_text())
