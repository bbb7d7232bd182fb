"""The law of the house that no linter knows."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("web", "engine", "worker", "migrations", "tests", "bin", "bench")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_median_module_is_short() -> None:
    lengths = sorted(
        len(path.read_text().splitlines()) for path in MODULES if path.name != "__init__.py"
    )
    assert lengths[len(lengths) // 2] < 100


def test_the_engine_neither_commits_nor_asks_for_the_time() -> None:
    """Activities are entrypoints, as routes are; everything else in the engine is called by one."""
    rules = [
        path
        for path in (ROOT / "engine").rglob("*.py")
        if not {"activities", "calls"} & {*path.parts}
    ]
    assert not [
        name(path)
        for path in rules
        if re.search(r"\.commit\(|datetime\.now\(|utcnow\(", path.read_text())
    ]


def test_no_test_is_passed_over_without_a_reason() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        for marker in re.findall(r"mark\.(?:skip|xfail)\w*(?!\w)(\(.*)?", path.read_text()):
            assert "reason=" in marker, name(path)


def test_the_readme_maps_every_top_level_directory() -> None:
    readme = (ROOT / "README.md").read_text()
    top = {
        path.name for path in ROOT.iterdir() if path.is_dir() and (path / "__init__.py").exists()
    }
    assert {"web", "engine", "worker", "migrations", "tests"} <= top
    assert not [directory for directory in top if f"{directory}/" not in readme]


def test_what_the_security_page_names_as_proof_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    proofs = set(re.findall(r"tests/[\w/]+/test_\w+\.py", page))
    assert len(proofs) > 10
    assert not [proof for proof in proofs if not (ROOT / proof).exists()]
    bare = re.findall(r"(?<![\w/])test_\w+\.py", page)
    assert not bare, "a proof is named by its path"


def test_no_test_module_imports_from_another() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        imports = re.findall(r"^\s*from (tests[\w.]*) import (.*)$", path.read_text(), re.MULTILINE)
        assert not [
            (name(path), module)
            for module, names in imports
            if not module.startswith("tests.support") or re.search(r"\b(?:test_|conftest)", names)
        ]
