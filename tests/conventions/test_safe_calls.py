"""Calls that no linter of the house forbids in the place where they would do harm."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conventions.test_house import ROOT, name

CLIENTS = {"httpx", "requests", "urllib3", "aiohttp"}
MAKES_REQUESTS = {
    "Client",
    "AsyncClient",
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "head",
    "options",
    "request",
}
MAKES_REQUESTS |= {"stream", "Session", "ClientSession", "PoolManager", "urlopen"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
BODIES = {"body", "get_data", "get_json", "data", "content", "json"}


def dotted(node: ast.expr) -> str:
    """Return a called name as it is written, or nothing for what is no plain name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *parts[::-1]]) if isinstance(node, ast.Name) else ""


def calls(code: str) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def shells(code: str) -> list[int]:
    """Return the lines that hand a command to a shell."""
    return [
        call.lineno
        for called, call in calls(code)
        if called in ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput")
        or any(
            word.arg == "shell" and not (isinstance(word.value, ast.Constant) and not word.value.value)
            for word in call.keywords
        )
    ]


def requests_of_its_own(code: str) -> list[int]:
    """Return the lines that ask an address without the egress guard."""
    found = []
    for called, call in calls(code):
        library, _, made = called.rpartition(".")
        if (library in CLIENTS and made in MAKES_REQUESTS) or called in ("urllib.request.urlopen", "urlopen"):
            found.append(call.lineno)
    return found


def clocks(code: str) -> list[int]:
    """Return the lines that ask for the time of day."""
    asking = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
    return [call.lineno for called, call in calls(code) if called in asking]


def logged_bodies(code: str) -> list[int]:
    """Return the lines that log what a request carries."""
    found = []
    for called, call in calls(code):
        logger, _, level = called.rpartition(".")
        if level in LEVELS and logger.rpartition(".")[2].strip("_") in ("log", "logger", "logging"):
            inner = [part for node in (*call.args, *call.keywords) for part in ast.walk(node)]
            read = {dotted(part).rpartition(".") for part in inner if isinstance(part, ast.Attribute)}
            if any(last in BODIES and owner.endswith(("request", "response")) for owner, _, last in read):
                found.append(call.lineno)
    return found


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (shells, "subprocess.run(line, shell=True)", "subprocess.run(['ls'], shell=False)"),
        (shells, "os.system(line)", "subprocess.run(['ls'])"),
        (requests_of_its_own, "httpx.AsyncClient()", "httpx.Request('GET', url)"),
        (requests_of_its_own, "requests.get(url)", "guard.get(url)"),
        (requests_of_its_own, "urllib.request.urlopen(url)", "urllib.parse.urlsplit(url)"),
        (clocks, "at = datetime.now(UTC)", "at = now"),
        (clocks, "at = time.time()", "began = time.monotonic()"),
        (
            logged_bodies,
            "log.info('asked', body=request.get_data())",
            "log.info('asked', route=request.path)",
        ),
        (
            logged_bodies,
            "_log.warning(flask.request.json)",
            "_log.warning('refused', status=response.status)",
        ),
    ],
)
def test_each_rule_knows_bad_from_good(rule: object, bad: str, good: str) -> None:
    assert callable(rule)
    assert rule(bad) == [1]
    assert rule(good) == []


def breaches(rule: object, *folders: str, without: tuple[str, ...] = ()) -> list[str]:
    assert callable(rule)
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert paths
    read: list[Path] = [path for path in paths if not set(path.relative_to(ROOT).parts) & set(without)]
    return [f"{name(path)}:{line}" for path in read for line in rule(path.read_text())]


def test_nothing_is_handed_to_a_shell() -> None:
    assert not breaches(shells, "engine", "web", "worker", "migrations", "bin")


def test_the_engine_asks_addresses_through_the_guard_alone() -> None:
    assert not breaches(requests_of_its_own, "engine", "worker", without=("egress",))


def test_the_engines_rules_read_no_clock() -> None:
    assert not breaches(clocks, "engine", without=("activities",))


def test_no_log_line_holds_what_a_request_carries() -> None:
    assert not breaches(logged_bodies, "engine", "web", "worker")
