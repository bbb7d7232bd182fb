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

from bin.devtools.ops.dependencies import (
    LOCK,
    SCANNERS,
    TOOLS,
    pins,
    requirements,
    stale,
    unmet,
    without,
    write_sbom,
)
from bin.devtools.ops.licences import is_allowed, licence

pytestmark = pytest.mark.unit


def test_the_locked_files_are_what_setup_cfg_declares() -> None:
    assert pins(LOCK.read_text())
    assert stale() == [], "bin/lock writes them"


def test_a_requirement_without_a_fitting_pin_is_named() -> None:
    versions = pins("flask==3.1.2 \\\n    --hash=sha256:00\npsycopg-binary==3.3.9\n")
    assert unmet(["Flask", "Flask<4", "psycopg_binary[x]"], versions) == []
    assert unmet(["Flask>3.1.2", "orjson"], versions) == ["Flask>3.1.2", "orjson"]


def test_hosts_get_the_versions_of_the_lock_and_the_platform() -> None:
    flask = "flask==3.1.2 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n"
    lock = f"# Written.\n{flask}orjson==3.13.0 \\\n"
    assert requirements(lock).splitlines()[1:] == ["flask==3.1.2", "orjson==3.13.0", "."]


def test_a_package_leaves_a_lock_with_its_hashes() -> None:
    lock = (
        "a-b==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nc==2 \\\n    --hash=sha256:22\n"
    )
    assert without(lock, ["a-b"]) == "c==2 \\\n    --hash=sha256:22\n"
    assert without(lock, []) == lock


@pytest.mark.parametrize("file", [LOCK, TOOLS, SCANNERS], ids=lambda file: str(file.name))
def test_every_pin_of_a_lock_has_a_hash(file: Path) -> None:
    rows = file.read_text().replace("\\\n", "").splitlines()
    packages = [row for row in rows if "==" in row]
    assert packages
    assert not [row for row in packages if "--hash=sha256:" not in row]


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


def install(folder: Path, row: str) -> subprocess.CompletedProcess[str]:
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
    wrong = install(tmp_path, f"sample==1.0 --hash=sha256:{'0' * 64}")
    assert wrong.returncode
    assert "DO NOT MATCH THE HASHES" in wrong.stderr
    assert install(tmp_path, "sample==1.0").returncode
    assert not install(tmp_path, f"sample==1.0 --hash=sha256:{digest}").returncode


def test_the_sbom_is_valid_and_names_what_is_locked(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    write_sbom(file)
    sbom = json.loads(file.read_text())
    assert sbom["specVersion"] == "1.6"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text()) is None
    components = {
        part["name"].lower().replace("_", "-").replace(".", "-"): part["version"]
        for part in sbom["components"]
    }
    assert components == pins(LOCK.read_text())
