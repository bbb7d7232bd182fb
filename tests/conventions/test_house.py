"""The law of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("web", "engine", "worker", "migrations", "tests", "bin", "bench")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EMPTY_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "base",
    "manager",
    "service",
    "services",
    "misc",
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_fits_the_eye(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 250
    for function in functions(path):
        assert (function.end_lineno or 0) - function.lineno + 1 <= 50, function.name


def test_the_median_module_is_short() -> None:
    lengths = sorted(len(path.read_text().splitlines()) for path in MODULES if path.name != "__init__.py")
    assert lengths[len(lengths) // 2] < 100


def test_modules_are_named_for_concepts() -> None:
    assert not [name(path) for path in MODULES if path.stem in EMPTY_NAMES]


def test_package_markers_of_the_engine_and_worker_are_empty() -> None:
    markers = [
        path for path in MODULES if path.name == "__init__.py" and name(path).startswith(("engine", "worker"))
    ]
    assert markers
    assert not [name(path) for path in markers if path.read_text()]


def test_the_engine_neither_commits_nor_asks_for_the_time() -> None:
    """Activities are entrypoints, as routes are; everything else in the engine is called by one."""
    rules = [path for path in (ROOT / "engine").rglob("*.py") if "activities" not in path.parts]
    assert not [
        name(path) for path in rules if re.search(r"\.commit\(|datetime\.now\(|utcnow\(", path.read_text())
    ]


def test_no_test_is_passed_over_without_a_reason() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        for marker in re.findall(r"mark\.(?:skip|xfail)\w*(?!\w)(\(.*)?", path.read_text()):
            assert "reason=" in marker, name(path)


def test_the_readme_maps_every_top_level_directory() -> None:
    readme = (ROOT / "README.md").read_text()
    top = {path.name for path in ROOT.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert {"web", "engine", "worker", "migrations", "tests"} <= top
    assert not [directory for directory in top if f"{directory}/" not in readme]


def test_what_the_security_page_names_as_proof_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    named = set(re.findall(r"(?:([AWE]) |(tests/[\w/]+/))?`?(test_\w+\.py)`?", page))
    homes = {"A": "attack", "W": "web", "E": "engine"}
    assert len(named) > 10
    for letter, folder, file in named:
        home = ROOT / "tests" / homes[letter] if letter else ROOT / (folder or "tests")
        assert (home / file).exists(), (home, file)
