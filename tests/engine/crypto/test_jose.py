"""JWEs of this platform and of the npm package jose: each decrypts those of the other."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey

from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys, Key

pytestmark = pytest.mark.unit


PACKAGE = "jose@6.2.18"
SCRIPT = Path(__file__).with_name("jose.mjs")
DOCUMENT = "document: {name: ünïcode}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node is not installed here")
    found = tmp_path_factory.mktemp("jose")
    shutil.copy(SCRIPT, found)
    quietly = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retry-mintimeout=1000"]
    quietly += ["--fetch-retry-maxtimeout=3000"]  # by default it asks again for over a minute
    install = [npm, "install", *quietly, "--prefix", str(found), PACKAGE]
    done = subprocess.run(install, check=False, capture_output=True, timeout=120)
    if done.returncode:
        pytest.skip(f"the registry does not give {PACKAGE}")
    return found


@pytest.fixture(params=["X25519", "P-256"])
def key(request: pytest.FixtureRequest) -> Key:
    if request.param == "X25519":
        return OKPKey.generate_key("X25519", auto_kid=True)
    return ECKey.generate_key("P-256", auto_kid=True)


def asked(folder: Path, **task: Any) -> dict[str, str]:
    done = subprocess.run(
        ["node", str(folder / SCRIPT.name)],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, str] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("form", ["compact", "general"])
def test_what_jose_seals_to_the_engine_opens_here(folder: Path, key: Key, form: str) -> None:
    made = asked(folder, key=key.as_dict(private=False), text=DOCUMENT)
    opened = jwe.open_definition(
        EngineKeys({str(key.kid): key}),
        encrypted_data=made["encryptedData"],
        encryption_key=made[form],
        bytes_max=1_048_576,
    )
    assert opened == (DOCUMENT, "application/yaml")


def test_what_is_sealed_here_opens_with_jose(folder: Path, key: Key) -> None:
    sealed = jwe.seal(key, DOCUMENT.encode())
    assert asked(folder, key=key.as_dict(private=True), sealed=sealed) == {"plaintext": DOCUMENT}
