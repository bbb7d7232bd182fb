"""Documents of the Open Workflow Specification: reading from text, checking, parsing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from engine.errors import Fault, InvalidError
from engine.interpreter.constructs import reusable_components, task_reader
from engine.interpreter.constructs import schedule as schedules
from engine.interpreter.constructs.transform_reader import read_transform
from engine.language import json_and_yaml
from engine.language.document_node import DocumentNode, DocumentReading, EnoughError
from engine.language.model import WorkflowDefinition

MEMBERS = ("document", "input", "use", "do", "timeout", "output", "schedule", "evaluate")
HEADER_MEMBERS = ("dsl", "namespace", "name", "version", "title", "summary", "tags", "metadata")

_VERSION = re.compile(
    r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


def read(text: str, content_type: str | None = None) -> dict[str, Any]:
    """Return the document in a text: JSON or YAML 1.2; without a type, a text in braces is JSON.

    :raises InvalidError: `definition_unreadable`, with the place.
    """
    return json_and_yaml.read(text, content_type)


def secrets_of(document: dict[str, Any]) -> list[str]:
    """Return the names of the secrets that a document lists."""
    return reusable_components.secrets_of(document)


def check(document: Any) -> list[Fault]:
    """Return all faults of a document, after compiling its programs; none when it can run."""
    return _read(document, compiles=True)[1]


def parse(document: Any) -> WorkflowDefinition:
    """Return the definition that a document describes.

    Its programs are not compiled: a faulty one fails when it runs.

    :raises InvalidError: `definition_invalid`, with all other faults.
    """
    definition, faults = _read(document, compiles=False)
    if faults:
        raise InvalidError("definition_invalid", "The definition cannot be run", faults=faults)
    return definition


def _read(document: Any, *, compiles: bool) -> tuple[WorkflowDefinition, list[Fault]]:
    reading = DocumentReading(compiles=compiles, read_task=task_reader.read_task)
    depth_fault = json_and_yaml.check_depth(document)
    if depth_fault is not None:
        return WorkflowDefinition("", (), {}), [depth_fault]
    use = document.get("use") if isinstance(document, dict) else None
    node = DocumentNode(
        document, "", reading, task_reader.read_tasks, use=use if isinstance(use, dict) else {}
    )
    try:
        return _read_definition(replace(node, variables=node.global_variables())), reading.faults
    except EnoughError:
        return WorkflowDefinition("", (), {}), reading.faults


def _read_definition(node: DocumentNode) -> WorkflowDefinition:
    node.allow_only(*MEMBERS)
    _check_header(node.require("document"))
    _check_rest(node)
    timeout, schedule = node.get("timeout"), node.get("schedule")
    return WorkflowDefinition(
        name=str(node.require("document").value.get("name", "")) if _has_header(node.value) else "",
        tasks=task_reader.read_tasks(node.require("do")),
        source=node.value if isinstance(node.value, dict) else {},
        input=read_transform(node, "input", "from"),
        output=read_transform(node, "output", "as"),
        timeout=task_reader.read_timeout(timeout) if timeout else None,
        schedule=schedules.read(schedule) if schedule else None,
    )


def _check_header(node: DocumentNode) -> None:
    node.allow_only(*HEADER_MEMBERS)
    for key, form in (
        ("dsl", _VERSION),
        ("namespace", _NAME),
        ("name", _NAME),
        ("version", _VERSION),
    ):
        member = node.require(key)
        text = member.text()
        if text and not form.fullmatch(text):
            member.add_fault(
                "must be a semantic version"
                if form is _VERSION
                else "must be letters, digits and hyphens"
            )
    dsl = node.value.get("dsl") if isinstance(node.value, dict) else None
    if isinstance(dsl, str) and _VERSION.fullmatch(dsl) and not dsl.startswith("1.0."):
        node.child("dsl", dsl).add_fault("only versions 1.0.x are supported")


def _check_rest(node: DocumentNode) -> None:
    evaluate = node.get("evaluate")
    if evaluate is not None:
        evaluate.allow_only("language", "mode")
        if evaluate.has("language"):
            evaluate.require("language").one_of("jq")
        if evaluate.has("mode"):
            evaluate.require("mode").one_of("strict", "loose")
    use = node.get("use")
    if use is not None:
        reusable_components.check(use)


def _has_header(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("document"), dict)
