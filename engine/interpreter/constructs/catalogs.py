"""Catalogs of functions that others publish (DSL, "Catalogs"); an execution fetches each once."""

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
from engine.language import json_and_yaml
from engine.language.document_node import DocumentNode, DocumentReading, EnoughError
from engine.language.errors import fault
from engine.language.model import Task

# The specification's catalog, which a definition can use without declaring it.
DEFAULT_CATALOG = {"endpoint": "https://github.com/serverlessworkflow/catalog"}

_REFERENCE = re.compile(r"(?P<name>[\w.-]+):(?P<version>[\w.+-]+)@(?P<catalog>[\w.-]+)", re.ASCII)
_GITHUB = re.compile(
    r"https://github\.com/(?P<repo>[^/]+/[^/@]+)(?:/(?:tree|blob)/(?P<branch>[^/]+))?"
    r"(?P<path>/[^@]*)?(?:@(?P<tag>.+))?"
)
_GITLAB = re.compile(r"(?P<root>https://gitlab\.com/.+?)/-/(?:tree|blob)/(?P<rest>.+)")
_FILE = "function.yaml"


@dataclass(frozen=True, slots=True)
class FunctionSource:
    """Address of a function: its catalog's root and authentication, and the path from the root."""

    root: str | Program
    authentication: Any
    path: str
    use: dict[str, Any]  # the caller's components that the function may use: catalogs
    node: DocumentNode  # of the call


def read(node: DocumentNode, names: Iterable[str]) -> FunctionSource:
    """Read the name or address of a function outside the definition.

    :param names: of calls that a fault may suggest.
    """
    name, member = node.text(), node.use.get("catalogs")
    catalogs = member if isinstance(member, dict) else {}
    use = {"catalogs": catalogs} if catalogs else {}
    if name.startswith(("https://", "http://")):
        return FunctionSource(name, None, "", use, node)
    match = _REFERENCE.fullmatch(name)
    if match is None:
        gist = (
            "use.functions has no such name, and it is neither name:version@catalog nor an address"
        )
        node.add_fault(gist + node.reading.nearest(name, names), gist=gist)
        return FunctionSource("", None, "", use, node)
    if match["catalog"] not in {"default", *catalogs}:
        gist = "use.catalogs has no such name"
        node.add_fault(
            gist + node.reading.nearest(match["catalog"], ("default", *catalogs)), gist=gist
        )
    catalog = catalogs.get(match["catalog"], DEFAULT_CATALOG)
    endpoint = catalog.get("endpoint") if isinstance(catalog, dict) else None
    endpoint_node = DocumentNode(
        endpoint, "/use/catalogs", node.reading, node.read_tasks, node.variables, node.use
    )
    root, authentication = call_http.read_endpoint(endpoint_node)
    path = f"/functions/{quote(match['name'])}/{quote(match['version'])}/{_FILE}"
    return FunctionSource(root, authentication, path, use, node)


def resolve_address(root: str, path: str) -> str:
    """Return the address of a file in a catalog.

    For a repository of GitHub or GitLab it is the address of the raw text (DSL, "File Structure").
    """
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


async def fetch(source: FunctionSource, interpreter: Interpreter, data: Any, scope: Scope) -> Task:
    """Return the function; the first call in an execution fetches it.

    :raises FaultError: of kind communication when it cannot be fetched, of kind configuration when
        it is no task.
    """
    root = call_http.CallHttp("GET", source.root).resolve_uri(interpreter, data, scope)
    address = resolve_address(root, source.path)
    document = await external_resources.fetch(
        interpreter, address, source.authentication, data, scope, what="function"
    )
    # No budget counts the time of reading, so that each run reads a function once.
    if address not in interpreter.catalog_functions:
        interpreter.catalog_functions[address] = _read_function(document, source)
    return interpreter.catalog_functions[address]


def _read_function(document: dict[str, Any], source: FunctionSource) -> Task:
    reading = DocumentReading(compiles=False, read_task=source.node.reading.read_task)
    top = DocumentNode(
        document, "", reading, source.node.read_tasks, use=source.use, place="/function"
    )
    if json_and_yaml.check_depth(document) is not None:
        raise fault("configuration", "the function that was fetched is nested too deeply")
    if event_types.of_tasks({"do": document}):
        raise fault(
            "configuration",
            "the function that was fetched listens: only the definition itself may listen",
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
