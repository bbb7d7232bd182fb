"""The tree: folders that are contexts, files of a readable size, and arrows that run one way."""

import ast
import configparser
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("web", "engine", "worker", "migrations", "tests", "bin", "bench")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PRODUCTION = [
    path for path in MODULES if path.relative_to(ROOT).parts[0] in {"web", "engine", "worker"}
]
FOLDERS = sorted({path.parent for path in PRODUCTION})
ENTRIES_MAX = 20
# One file for each resource or construct: their number is the API's and the language's.
ONE_FILE_EACH = {"web/routes", "web/schemas", "engine/interpreter/constructs"}
MODULE_LINES_MAX, FUNCTION_LINES_MAX, PARAMETERS_MAX = 400, 50, 6
EMPTY_NAMES = {
    *("utils", "util", "helpers", "helper", "common", "base", "manager"),
    *("service", "services", "misc"),
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_fits_the_eye(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MODULE_LINES_MAX
    for function in functions(path):
        lines = (function.end_lineno or 0) - function.lineno + 1
        assert lines <= FUNCTION_LINES_MAX, function.name


@pytest.mark.parametrize("path", PRODUCTION, ids=name)
def test_a_function_takes_few_parameters(path: Path) -> None:
    for function in functions(path):
        arguments = function.args
        parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        names = [parameter.arg for parameter in parameters if parameter.arg not in {"self", "cls"}]
        assert len(names) <= PARAMETERS_MAX, (function.name, names)


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_folder_is_taken_in_at_a_glance(folder: Path) -> None:
    entries = [
        path
        for path in folder.iterdir()
        if path.name[0] not in "._" and (path.is_file() or any(path.glob("*.*")))
    ]
    assert name(folder) in ONE_FILE_EACH or len(entries) <= ENTRIES_MAX


def test_modules_are_named_for_concepts() -> None:
    assert not [name(path) for path in MODULES if path.stem in EMPTY_NAMES]


@pytest.mark.parametrize("path", [p for p in PRODUCTION if p.name == "__init__.py"], ids=name)
def test_a_package_says_what_it_is_and_holds_no_code(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))
    assert len(tree_of(path).body) == 1


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_folder_of_modules_is_a_package(folder: Path) -> None:
    assert (folder / "__init__.py").exists()


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, modules: frozenset[str]) -> set[str]:
    """Return the production modules that a module imports, wherever in it the import stands."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                member = f"{node.module}.{alias.name}"
                names.add(member if member in modules else node.module)
    return names & modules


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = frozenset(module_of(path) for path in PRODUCTION)
    graph = {module_of(path): imports(path, modules) - {module_of(path)} for path in PRODUCTION}
    while free := {module for module, below in graph.items() if not below & graph.keys()}:
        for module in free:
            del graph[module]
    assert graph == {}, "these, or modules that import them, are in a circle"


def test_every_context_has_its_place_in_the_contract() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    layers = config["importlinter:contract:domain"]["layers"].replace("|", " ").split()
    contexts = {
        f"engine.{path.stem}" for path in (ROOT / "engine").iterdir() if path.stem[0] not in "_."
    }
    live = {
        context for context in contexts if any((ROOT / context.replace(".", "/")).rglob("*.py"))
    }
    assert live | {"web", "worker", "engine.errors"} == set(layers)
