"""Rules for pages: links lead somewhere, lines are wrapped, names exist, decisions have a form."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
# bench.report writes this page and copies the output of programs into it.
MEASURED = DOCS / "performance.md"
WRITTEN = [page for page in PAGES if page != MEASURED]
# The change log names what was replaced.
CURRENT = [page for page in WRITTEN if page.name != "CHANGELOG.md"]
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
COLUMNS_MAX = 100
DECISION_WORDS_MAX = 400
GLOSSARY_WORDS_MAX = 25
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
FILE = re.compile(r"(?<![\w/.-])(?:web|engine|worker|migrations|tests|bench|bin|docs)/[\w./-]*\w")
MODULE = re.compile(r"(?<![\w/.-])(?:web|engine|worker|bench|bin\.devtools)(?:\.[a-z_]\w*)+")
DECISION = re.compile(r"\bADR\s+(\d+)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {word.replace(" ", "-") for word in words}


def dead_links(page: Path) -> Iterator[str]:
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    assert not list(dead_links(page))


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One thing\n[a](page.md#one-thing) [b](#two) [c](absent.md) [d](https://e.org)\n"
    )
    assert list(dead_links(page)) == ["#two", "absent.md"]


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_prose_is_wrapped(page: Path) -> None:
    """Tables may be longer, as may a line by the targets of its links."""
    lines = [line for line in prose(page).splitlines() if not line.startswith("|")]
    assert not [line for line in lines if len(LINK.sub("]", line)) > COLUMNS_MAX]


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_a_file_that_a_page_names_exists(page: Path) -> None:
    assert not [path for path in FILE.findall(page.read_text()) if not (ROOT / path).exists()]


def is_defined(dotted: str) -> bool:
    """Return whether a dotted name is a module or package, or a name that one of them defines."""
    path = ROOT / dotted.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").exists():
        return True
    module = path.parent.with_suffix(".py")
    definition = rf"^(?:def |class |async def )?{path.name}\b"
    return module.exists() and bool(re.search(definition, module.read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_a_module_that_a_page_names_exists(page: Path) -> None:
    assert not [module for module in MODULE.findall(page.read_text()) if not is_defined(module)]


@pytest.mark.parametrize("page", DECISIONS, ids=name)
def test_a_decision_has_the_one_form(page: Path) -> None:
    text = page.read_text()
    title, blank, status, date, end = text.splitlines()[:5]
    assert re.fullmatch(rf"# {page.name[:4]}\. .+", title)
    assert re.fullmatch(r"Status: (?:accepted|superseded by ADR \d{4})", status)
    assert re.fullmatch(r"Date: \d{4}-\d\d-\d\d", date)
    assert (blank, end) == ("", "")
    sections = re.findall(r"^#+ (.+)$", text, re.MULTILINE)[1:]
    assert sections == ["Context", "Decision", "Consequences"]
    assert len(text.split()) <= DECISION_WORDS_MAX


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    rows = [
        f"| [{page.name[:4]}]({page.name}) | {page.read_text().splitlines()[0][8:]} |"
        for page in DECISIONS
    ]
    index = (DOCS / "decisions" / "README.md").read_text()
    assert [line for line in index.splitlines() if line.startswith("| [")] == rows


def test_a_decision_that_is_named_exists() -> None:
    code = [
        path
        for folder in ("web", "engine", "worker", "migrations", "tests", "bench", "bin")
        for path in (ROOT / folder).rglob("*.py")
    ]
    numbers = {page.name[:4] for page in DECISIONS}
    texts = {name(path): path.read_text() for path in [*PAGES, *code]}
    assert not [
        (where, number)
        for where, text in texts.items()
        for number in DECISION.findall(text)
        if number not in numbers
    ]


def test_the_glossary_is_short_and_every_word_has_one_meaning() -> None:
    page = (DOCS / "reference" / "glossary.md").read_text()
    words = re.findall(r"^\| (\w[\w ]*) \|", page, re.MULTILINE)[1:]
    assert 0 < len(words) <= GLOSSARY_WORDS_MAX
    assert sorted(set(words)) == words
