"""Names: nouns for values, verbs for functions, one class under one name."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent.parent
PRODUCTION = sorted(
    path for package in ("web", "engine", "worker") for path in (ROOT / package).rglob("*.py")
)
BARE_PARTICIPLES = frozenset(
    """
    accepted added addressed admitted answered appended applied asked asserted awaited begun
    borne bought bounded brought built called carried caught chosen claimed collected compared
    composed computed conveyed correlated corrected counted cut decided declared decoded
    demanded described done drawn driven encoded entered evaluated exchanged excused expanded
    extended fetched filled fitted followed found gathered given gone grown guarded handed
    happened heard held hidden hung inferred kept known laid learnt led left lent listed lost
    made matched meant measured met missed mixed named noted noticed offered opened ordered
    owed owned paid parsed passed planned posted promised quoted raced reached recalled
    received remembered replied reported returned said sat sealed searched seen sent settled
    shaped shared shown signed sought spent split spoken stamped stated stolen stood stopped
    stored struck sung tagged taken taught thought told torn traced tried understood unwrapped
    used waited wanted watched woken won worn wrapped written
    """.split()  # noqa: SIM905 - a list of words is read as words
)


# Folders whose classes name columns, JSON members and members of Temporal payloads.
PUBLISHED = ("engine/store/", "engine/contracts/", "web/schemas/")


def definitions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each name that a module defines, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


def members(tree: ast.AST) -> set[tuple[str, int]]:
    """Return the names in the bodies of classes: columns, members of JSON and payloads."""
    names = set()
    for node in ast.walk(tree):
        for statement in node.body if isinstance(node, ast.ClassDef) else ():
            targets: list[ast.expr] = (
                [statement.target] if isinstance(statement, ast.AnnAssign) else []
            )
            targets += statement.targets if isinstance(statement, ast.Assign) else []
            names |= {
                (target.id, target.lineno) for target in targets if isinstance(target, ast.Name)
            }
    return names


def bare_participles(source: str, *, published: bool = False) -> list[tuple[str, int]]:
    tree = ast.parse(source)
    exempt = members(tree) if published else set()
    return [
        (name, line)
        for name, line in definitions(tree)
        if name.strip("_").lower() in BARE_PARTICIPLES and (name, line) not in exempt
    ]


@pytest.mark.parametrize("path", PRODUCTION, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_name_is_a_bare_participle(path: Path) -> None:
    assert path.stem not in BARE_PARTICIPLES
    published = str(path.relative_to(ROOT)).startswith(PUBLISHED)
    assert bare_participles(path.read_text(), published=published) == []


def test_a_bare_participle_is_noticed_wherever_it_is_defined() -> None:
    source = "def told(asked):\n    FOUND = asked\n\nclass A:\n    kept: int\n"
    assert bare_participles(source) == [("told", 1), ("asked", 1), ("FOUND", 2), ("kept", 5)]
    assert ("kept", 5) not in bare_participles(source, published=True)


def test_a_class_name_occurs_once() -> None:
    homes = defaultdict(list)
    for path in PRODUCTION:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name[0] != "_" and node.name != "Meta":
                homes[node.name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}
