"""Commands: every executable of bin/ says what it does, and the README lists it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent.parent
COMMANDS = sorted(
    path for path in (ROOT / "bin").iterdir() if path.is_file() and os.access(path, os.X_OK)
)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.name)
def test_a_command_begins_with_a_comment_that_says_what_it_does(path: Path) -> None:
    shebang, comment = path.read_text().splitlines()[:2]
    assert shebang == "#!/usr/bin/env bash"
    assert re.match(r"# [A-Z][a-z]+ ", comment), "an imperative"
    assert all(len(line) <= 100 for line in path.read_text().splitlines())


def test_the_readme_lists_every_command_and_no_other() -> None:
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"^\| `bin/([\w-]+)", readme, re.MULTILINE)) == {
        path.name for path in COMMANDS
    }
