"""`run: workflow`: a child execution of another definition of the account."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.contracts.child_executions import FIND_DEFINITION, ChildOrder, DefinitionName
from engine.contracts.executions import ExecutionStart
from engine.interpreter.constructs.placeholder import Placeholder
from engine.interpreter.runtime.interpreter import Construct, Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import unsupported
from engine.language.document_node import DocumentNode
from engine.language.errors import FaultError, ProblemDetails, fault
from engine.language.model import TaskResult

KEYS = ("run",)
LATEST = "latest"
# Maximum depth of child executions: the language allows recursion, which must end.
DEPTH_MAX = 8
FIND_SECONDS = 20.0
PROCESSES = ("container", "script", "shell", "workflow")
_BESIDE = ("await", "return")


@dataclass(frozen=True, slots=True)
class RunWorkflow:
    """Run of another definition, with its input, and whether to wait for its end.

    Without an input it runs on an empty object. `latest` is the last version that was saved. Where
    several definitions have the same namespace, name and version, the last one that was saved runs.
    """

    namespace: str
    name: str
    version: str
    input: Any
    waits: bool

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the workflow's output; without waiting, the task's input.

        :raises FaultError: the workflow's own error; of kind configuration when there is no such
            workflow; of kind runtime when DEPTH_MAX is exceeded or too many executions run.
        """
        if interpreter.run_depth >= DEPTH_MAX:
            raise fault(
                "runtime", f"workflows run one another more than {DEPTH_MAX} deep (runDepth)"
            )
        child_input = {} if self.input is None else interpreter.fill(self.input, data, scope)
        reference = DefinitionName(interpreter.account_id, self.namespace, self.name, self.version)
        # The number of the next call, as other strands may call while this one waits.
        number = interpreter.calls + 1
        definition_id: str = await interpreter.call(
            FIND_DEFINITION,
            reference,
            answer=str,
            seconds=FIND_SECONDS,
            scope=scope,
            repeatable=True,
        )
        order = ChildOrder(
            interpreter.execution_id, definition_id, child_input, interpreter.run_depth + 1
        )
        child = ExecutionStart(
            _child_id(interpreter, number), interpreter.account_id, ordered=order
        )
        outcome = await interpreter.environment.run_child(child, waits=self.waits)
        if not self.waits:
            return TaskResult(data)
        if outcome is None:
            raise fault("runtime", "the workflow that was run did not end by itself")
        if outcome.error is not None:
            raise FaultError(_problem(outcome.error))
        return TaskResult(interpreter.check_size(outcome.result))


def read(node: DocumentNode) -> Construct:
    """Read the task's own keys."""
    run = node.require("run")
    member = run.one_member(*PROCESSES, beside=_BESIDE)
    if member is None:
        return Placeholder()
    kind, process = member
    if kind != "workflow":
        unsupported.refuse(process, f"run.{kind}")
        return Placeholder()
    waits = run.get("await")
    if waits is not None and not isinstance(waits.value, bool):
        waits.add_fault("must be true or false")
    if run.has("return"):
        run.child("return", None).add_fault("is for processes; a workflow returns its output")
    return _read_workflow(process, waits=waits is None or waits.value is not False)


def _read_workflow(node: DocumentNode, *, waits: bool) -> RunWorkflow:
    node.allow_only("namespace", "name", "version", "input")
    version, child_input = node.get("version"), node.get("input")
    return RunWorkflow(
        namespace=node.require("namespace").text(),
        name=node.require("name").text(),
        version=version.text() if version else LATEST,
        input=child_input.template_or_program() if child_input else None,
        waits=waits,
    )


def _child_id(interpreter: Interpreter, number: int) -> str:
    """Return the id of a child execution, the same on every replay.

    It is a UUIDv7 (RFC 9562 section 5.7) with a digest of the parent's id and the call's number as
    its random bits.
    """
    milliseconds = int(interpreter.environment.now().timestamp() * 1000)
    digest = hashlib.sha256(f"{interpreter.execution_id}#{number}".encode()).digest()[:10]
    octets = bytearray(milliseconds.to_bytes(6) + digest)
    octets[6] = 0x70 | octets[6] & 0x0F
    octets[8] = 0x80 | octets[8] & 0x3F
    return str(UUID(bytes=bytes(octets)))


def _problem(error: dict[str, Any]) -> ProblemDetails:
    texts = {name: error.get(name) for name in ("title", "detail")}
    return ProblemDetails(
        str(error["type"]), int(error["status"]), **texts, instance=error.get("instance", "")
    )
