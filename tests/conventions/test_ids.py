"""Workflow ids and outbox subjects are written and read in one place each."""

import re
from pathlib import Path

import pytest

from engine.contracts.outbox_messages import KINDS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent.parent
OWNERS = {"engine/contracts/workflow_ids.py", "engine/contracts/outbox_messages.py"}
MODULES = [
    path
    for package in ("web", "engine", "worker")
    for path in (ROOT / package).rglob("*.py")
    if str(path.relative_to(ROOT)) not in OWNERS
]
# An id's text that is put together, or taken apart.
FORMS = re.compile(
    r"""f["'](?:execution|definition|schedule|read|fire):\{"""
    r"""|(?:workflow_id|(?:row|message)\.subject|(?:run|workflow|schedule)\.id)"""
    r"""\.(?:r?partition|r?split|removeprefix|startswith)\("""
)
# Kinds that are also the name of a workflow type, or of an event that channels receive.
SHARED = {"definition.check", "sync.changed", "account.security"}


def test_no_other_module_joins_or_splits_workflow_ids_and_subjects() -> None:
    assert not [path for path in MODULES if FORMS.search(path.read_text())]


def test_no_other_module_writes_the_kind_of_a_message() -> None:
    kinds = "|".join(re.escape(kind) for kind in KINDS if kind not in SHARED)
    literal = re.compile(rf"""["'](?:{kinds})["']""")
    assert not [path for path in MODULES if literal.search(path.read_text())]
