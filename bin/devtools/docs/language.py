"""Write `docs/reference/language.md` from the support table: `bin/docs` calls this module."""

from __future__ import annotations

import sys
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import orjson

from bin.devtools.docs.support_table import table

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "language.md"
TABLE = ROOT / "engine" / "language" / "support_table.json"
_OPENING = f"""# The workflow language, construct by construct

`python -m bin.devtools.docs.language` writes this page; it is not edited by hand. Workflows are
documents of the Open Workflow Specification {table.SPECIFICATION}. Each row was tried on the
engine's own grammar. A workflow with a refused construct is stored as a draft: its `diagnostics`
have a JSON pointer and the reason given here, and its execution fails with them. Nothing is ever
ignored.
`GET /api/workflows/language` answers with the same table.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_OPENING]
    for group, rows in groupby(table.rows(), key=lambda row: row.group):
        parts.append(
            f"## {group}\n\n"
            "| construct | | what is covered, or why it is refused |\n|---|---|---|\n"
        )
        parts[-1] += "".join(_row(row) for row in rows)
    parts.append("## Limits\n\n| limit | value | of |\n|---|---|---|\n")
    parts[-1] += "".join(
        f"| {limit.name} | {limit.value:,} | {limit.unit} |\n" for limit in table.limits()
    )
    return "\n".join(parts)


def table_json() -> bytes:
    """Return the table as the JSON that `engine.language.support_table` reads."""
    content = {
        "specification": table.SPECIFICATION,
        "constructs": [asdict(row) for row in table.rows()],
        "limits": [asdict(limit) for limit in table.limits()],
        "limitsByName": table.LIMITS_BY_NAME,
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _row(row: table.Row) -> str:
    text = row.covers if row.supported else row.reason or ""
    cells = (f"`{row.name}`", "yes" if row.supported else "refused", text.replace("|", "\\|"))
    return f"| {' | '.join(cells)} |\n"


def main() -> int:
    """Write the page, and the table that the web process serves."""
    TABLE.write_bytes(table_json())
    PAGE.write_text(page())
    print(f"{TABLE.name} and {PAGE.name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
