"""Catalogs (DSL, "Catalogs"): functions that others publish, fetched once in an execution."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from engine.expressions.jq import Program
from engine.interpreter.constructs import call_http, event_types, external_resources
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import parser
from engine.language.errors import fault
from engine.language.model import Task
from engine.language.reader import DocumentNode, DocumentReading, EnoughError

# The catalog everybody can use without naming it is the specification's own.
DEFAULT = {"endpoint": "https://github.com/serverlessworkflow/catalog"}

_CATALOGED = re.compile(r"(?P<name>[\w.-]+):(?P<version>[\w.+-]+)@(?P<catalog>[\w.-]+)", re.ASCII)
_GITHUB = re.compile(
    r"https://github\.com/(?P<repo>[^/]+/[^/@]+)(?:/(?:tree|blob)/(?P<branch>[^/]+))?"
    r"(?P<path>/[^@]*)?(?:@(?P<tag>.+))?"
)
_GITLAB = re.compile(r"(?P<root>https://gitlab\.com/.+?)/-/(?:tree|blob)/(?P<rest>.+)")
_FILE = "function.yaml"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a function is: the root of its catalog, how to be admitted there, and the way from the root."""

    root: str | Program
    authentication: Any
    path: str
    use: dict[str, Any]  # what a function may name of its caller's: the catalogs
    called: DocumentNode


def read(called: DocumentNode, calls: Iterable[str]) -> Source:
    """Read the name or address of a function that is not the definition's own; `calls` are known."""
    name, known = called.text(), called.use.get("catalogs")
    catalogs = known if isinstance(known, dict) else {}
    use = {"catalogs": catalogs} if catalogs else {}
    if name.startswith(("https://", "http://")):
        return Source(name, None, "", use, called)
    match = _CATALOGED.fullmatch(name)
    if match is None:
        said = (
            "use.functions has no such name, and it is neither name:version@catalog nor an address"
        )
        called.add_fault(said + called.reading.nearest(name, calls), gist=said)
        return Source("", None, "", use, called)
    if match["catalog"] not in {"default", *catalogs}:
        said = "use.catalogs has no such name"
        called.add_fault(
            said + called.reading.nearest(match["catalog"], ("default", *catalogs)), gist=said
        )
    catalog = catalogs.get(match["catalog"], DEFAULT)
    endpoint = catalog.get("endpoint") if isinstance(catalog, dict) else None
    there = called.child("", None)
    where = DocumentNode(
        endpoint, "/use/catalogs", there.reading, there.read_tasks, called.variables, called.use
    )
    root, authentication = call_http.read_endpoint(where)
    path = f"/functions/{quote(match['name'])}/{quote(match['version'])}/{_FILE}"
    return Source(root, authentication, path, use, called)


def located(root: str, path: str) -> str:
    """Return the address of the text itself for a repository's (DSL, "File Structure")."""
    match = _GITHUB.fullmatch(root)
    if match:
        ref = (
            f"refs/tags/{match['tag']}"
            if match["tag"]
            else f"refs/heads/{match['branch'] or 'main'}"
        )
        path = (match["path"] or "").rstrip("/") + path
        if match["tag"] and not path.endswith((".yaml", ".yml", ".json")):
            path += f"/{_FILE}"
        return f"https://raw.githubusercontent.com/{match['repo']}/{ref}{path}"
    match = _GITLAB.fullmatch(root)
    return f"{match['root']}/-/raw/{match['rest']}{path}" if match else root.rstrip("/") + path


async def fetch(source: Source, interpreter: Interpreter, data: Any, scope: Scope) -> Task:
    """Return the function, which the first call in an execution fetches for all.

    :raises FaultError: of kind communication when it cannot be fetched, configuration when it is no task.
    """
    root = call_http.CallHttp("GET", source.root).located(interpreter, data, scope)
    where = located(root, source.path)
    document = await external_resources.fetch(
        interpreter, where, source.authentication, data, scope, what="function"
    )
    if (
        where not in interpreter.catalog_functions
    ):  # reading takes time that nobody counts: once in a run
        interpreter.catalog_functions[where] = _understood(document, source)
    return interpreter.catalog_functions[where]


def _understood(document: dict[str, Any], source: Source) -> Task:
    reading = DocumentReading(compiles=False, read_task=source.called.reading.read_task)
    top = DocumentNode(
        document, "", reading, source.called.read_tasks, use=source.use, place="/function"
    )
    if parser.check_depth(document) is not None:
        raise fault("configuration", "the function that was fetched is nested too deeply")
    if event_types.in_steps({"do": document}):
        raise fault(
            "configuration",
            "the function that was fetched listens: what is heard is known beforehand",
        )
    try:
        task = reading.read_task("function", top)
    except EnoughError:
        task = None
    if task is None or reading.faults:
        first = reading.faults[0]
        raise fault(
            "configuration", f"the function that was fetched: {first.pointer} {first.detail}"
        )
    return task
