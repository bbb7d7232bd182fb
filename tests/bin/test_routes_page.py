import pytest

from bin.devtools.docs.routes_page import PAGE, page

pytestmark = pytest.mark.unit


def test_the_page_is_what_the_command_writes() -> None:
    assert PAGE.read_text() == page(), "run python -m bin.devtools.docs.routes_page"


def test_every_url_of_the_api_is_answered_by_a_file_of_the_routes() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `") and " /api/" in line]
    assert len(rows) > 80
    elsewhere = [row for row in rows if "`web/routes/" not in row]
    assert [row.split("`")[1] for row in elsewhere] == ["GET /api/openapi.json"]
