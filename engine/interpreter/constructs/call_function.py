"""`call: <function>`: a task with a name, in the definition, in a catalog, or at an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from engine.interpreter.constructs import catalogs
from engine.interpreter.constructs.catalogs import FunctionSource
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.errors import fault
from engine.language.model import Task, TaskResult

# A function of a catalog may call others; a function of the definition cannot call itself.
DEPTH_MAX = 16


@dataclass(frozen=True, slots=True)
class CallFunction:
    """Call of a function of the definition.

    The arguments are the function's whole input; without `with` it is an empty object. The output
    of the function's task is the output of the call; the `then` of that task has no effect.
    """

    resumes: ClassVar = True
    function: str
    functions: dict[str, Task]
    arguments: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Run the function and return its output."""
        return await _call(self.functions[self.function], self.arguments, interpreter, data, scope)


@dataclass(frozen=True, slots=True)
class CallCatalogFunction:
    """Call of a function that an execution fetches once, at its first call."""

    resumes: ClassVar = True
    source: FunctionSource
    arguments: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Fetch the function, run it and return its output.

        :raises FaultError: of kind communication when it cannot be fetched, of kind configuration
            when it is no task.
        """
        function = await catalogs.fetch(self.source, interpreter, data, scope)
        # A function of others may get secrets as arguments; its expressions have no $secrets.
        return await _call(function, self.arguments, interpreter, data, scope, secrets={})


async def _call(
    function: Task,
    arguments: Any,
    interpreter: Interpreter,
    data: Any,
    scope: Scope,
    **variables: Any,
) -> TaskResult:
    if scope.depth >= DEPTH_MAX:
        raise fault(
            "runtime", f"functions call functions more than {DEPTH_MAX} deep (functionDepth)"
        )
    state = scope.frame.state
    if "arguments" not in state:
        state["arguments"] = {} if arguments is None else interpreter.fill(arguments, data, scope)
    with scope.frame.child("function") as frame:
        within = replace(
            scope.with_variables(**variables),
            frame=frame,
            depth=scope.depth + 1,
            extended_task=None,
        )
        return TaskResult((await interpreter.run_task(function, state["arguments"], within)).output)


def read(node: DocumentNode, calls: Sequence[str]) -> CallFunction | CallCatalogFunction:
    """Read the task's own keys; `calls` are the names that the language defines."""
    function_node, parameters = node.require("call"), node.get("with")
    arguments = parameters.template() if parameters is not None and parameters.members() else None
    name = function_node.text()
    functions = node.use.get("functions")
    if isinstance(functions, dict) and name in functions:
        check_one(node, name)
        return CallFunction(name, node.reading.functions, arguments)
    names = (*calls, *(functions if isinstance(functions, dict) else ()))
    return CallCatalogFunction(catalogs.read(function_node, names), arguments)


def check_all(use: DocumentNode) -> None:
    """Read every function of the `use` object."""
    functions = use.get("functions")
    for name in functions.members() if functions is not None else ():
        check_one(functions or use, name)


def check_one(node: DocumentNode, name: str) -> None:
    """Read a function once for all its calls; its expressions have global variables only."""
    reading, functions = node.reading, node.use["functions"]
    if name in reading.open_functions:
        node.add_fault(
            "a function calls itself, by way of others or not", gist="a function calls itself"
        )
    if name in reading.functions or name in reading.open_functions:
        return
    reading.open_functions.append(name)
    place = f"/use/functions/{list(functions).index(name)}"
    top = replace(
        node,
        value=functions,
        pointer="/use/functions",
        outline="/use/functions",
        place=place,
        variables=node.global_variables(),
    )
    reading.functions[name] = reading.read_task(name, top.under_name(name, functions[name]))
    reading.open_functions.remove(name)
