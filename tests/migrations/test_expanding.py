"""Migrations let the code of the previous release work; docs/operations/README.md has the rules."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.platform import ROOT

pytestmark = pytest.mark.unit


VERSIONS = sorted((ROOT / "migrations" / "versions").glob("[0-9]*.py"))
DESTRUCTIVE = {"drop_column", "drop_table", "rename_table"}
# Each rewrites its table, or reads all of it, under a lock that keeps everybody out.
HEAVY = {"create_primary_key", "create_exclude_constraint"}


def calls(text: str) -> Iterator[tuple[str, ast.Call]]:
    """Return what a revision's upgrade asks of Alembic's `op`."""
    upgrade = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name == "upgrade"
    )
    for node in ast.walk(upgrade):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "op"
        ):
            yield node.func.attr, node


def complaints(text: str) -> list[str]:
    """Return what in a revision would stop old code, or everybody."""
    problems = []
    for name, call in calls(text):
        words = {keyword.arg: keyword.value for keyword in call.keywords}
        if name in DESTRUCTIVE | HEAVY:
            problems.append(name)
        if name == "alter_column" and words.keys() & {"nullable", "type_", "new_column_name"}:
            problems.append(name)
        if name == "add_column" and _must_be_filled(call):
            problems.append("add_column without a default")
    return problems


def _must_be_filled(call: ast.Call) -> bool:
    """Tell whether old code, which does not know the column, could insert no row."""
    column = next(node for node in call.args if isinstance(node, ast.Call))
    words = {keyword.arg: keyword.value for keyword in column.keywords}
    is_required = words.get("nullable")
    return (
        isinstance(is_required, ast.Constant)
        and is_required.value is False
        and "server_default" not in words
    )


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_a_migration_leaves_the_version_before_it_at_work(path: Path) -> None:
    assert complaints(path.read_text()) == []


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("op.drop_column('accounts', 'email')", "drop_column"),
        ("op.alter_column('accounts', 'email', nullable=False)", "alter_column"),
        (
            "op.add_column('accounts', sa.Column('a', sa.Text(), nullable=False))",
            "add_column without a default",
        ),
    ],
)
def test_what_would_stop_it_is_found(statement: str, complaint: str) -> None:
    assert complaints(f"def upgrade():\n    {statement}\n") == [complaint]


def test_what_adds_is_let_pass() -> None:
    column = "sa.Column('a', sa.Integer(), nullable=False, server_default='0')"
    statement = f"op.add_column('accounts', {column})"
    assert complaints(f"def upgrade():\n    {statement}\n    op.create_table('b')\n") == []
