"""`run: workflow`: another definition of the same account, as an execution of its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.contracts.child_executions import FIND_DEFINITION, ChildOrder, DefinitionName
from engine.contracts.executions import ExecutionStart
from engine.interpreter.runtime.interpreter import Construct, Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import unsupported
from engine.language.errors import FaultError, ProblemDetails, fault
from engine.language.model import TaskResult
from engine.language.reader import DocumentNode

KEYS = ("run",)
LATEST = "latest"
# How many workflows may run one another: recursion is the language's to write, and has to end.
DEPTH_MAX = 8
FIND_SECONDS = 20.0
KINDS = ("container", "script", "shell", "workflow")
_BESIDE = ("await", "return")


@dataclass(frozen=True, slots=True)
class RunWorkflow:
    """Which definition to run, on what, and whether to wait for its end.

    Without an input it runs on an empty object. `latest` is the version that was saved last; so is the
    definition meant that was saved last where several have the same namespace, name and version.
    """

    namespace: str
    name: str
    version: str
    input: Any
    waits: bool

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give what the workflow gives; the step's input, when it is not waited for.

        :raises FaultError: the workflow's own, of kind configuration when there is no such workflow, and of
            kind runtime when workflows run one another too deeply, or too many run at once.
        """
        if interpreter.run_depth >= DEPTH_MAX:
            raise fault(
                "runtime", f"workflows run one another more than {DEPTH_MAX} deep (runDepth)"
            )
        given = {} if self.input is None else interpreter.fill(self.input, data, scope)
        wanted = DefinitionName(interpreter.account_id, self.namespace, self.name, self.version)
        number = (
            interpreter.calls + 1
        )  # of the call that comes now: others may be made while it is awaited
        definition_id: str = await interpreter.call(
            FIND_DEFINITION,
            wanted,
            answer=str,
            seconds=FIND_SECONDS,
            scope=scope,
            repeatable=True,
        )
        ordered = ChildOrder(
            interpreter.execution_id, definition_id, given, interpreter.run_depth + 1
        )
        child = ExecutionStart(_id_of(interpreter, number), interpreter.account_id, ordered=ordered)
        told = await interpreter.environment.run_child(child, waits=self.waits)
        if not self.waits:
            return TaskResult(data)
        if told is None:
            raise fault("runtime", "the workflow that was run did not end by itself")
        if told.error is not None:
            raise FaultError(_problem(told.error))
        return TaskResult(interpreter.check_size(told.result))


@dataclass(frozen=True, slots=True)
class Refused:
    """Stands in for a process that is not run: a definition with one is never walked."""

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:  # noqa: ARG002 - a kind's signature
        """Give what came."""
        return TaskResult(data)


def read(node: DocumentNode) -> Construct:
    """Read the step's own keys."""
    run = node.require("run")
    found = run.one_member(*KINDS, beside=_BESIDE)
    if found is None:
        return Refused()
    kind, process = found
    if kind != "workflow":
        unsupported.refuse(process, f"run.{kind}")
        return Refused()
    waits = run.get("await")
    if waits is not None and not isinstance(waits.value, bool):
        waits.add_fault("must be true or false")
    if run.has("return"):
        run.child("return", None).add_fault("is for processes; a workflow returns its output")
    return _read_workflow(process, waits=waits is None or waits.value is not False)


def _read_workflow(node: DocumentNode, *, waits: bool) -> RunWorkflow:
    node.allow_only("namespace", "name", "version", "input")
    version, given = node.get("version"), node.get("input")
    return RunWorkflow(
        namespace=node.require("namespace").text(),
        name=node.require("name").text(),
        version=version.text() if version else LATEST,
        input=given.template_or_program() if given else None,
        waits=waits,
    )


def _id_of(interpreter: Interpreter, number: int) -> str:
    """Return the id of the execution that this one orders, the same whenever it is asked for.

    A UUIDv7 (RFC 9562 section 5.7) whose random bits are those of what it is the id of.
    """
    milliseconds = int(interpreter.environment.now().timestamp() * 1000)
    drawn = hashlib.sha256(f"{interpreter.execution_id}#{number}".encode()).digest()[:10]
    made = bytearray(milliseconds.to_bytes(6) + drawn)
    made[6] = 0x70 | made[6] & 0x0F
    made[8] = 0x80 | made[8] & 0x3F
    return str(UUID(bytes=bytes(made)))


def _problem(error: dict[str, Any]) -> ProblemDetails:
    said = {name: error.get(name) for name in ("title", "detail")}
    return ProblemDetails(
        str(error["type"]), int(error["status"]), **said, instance=error.get("instance", "")
    )
