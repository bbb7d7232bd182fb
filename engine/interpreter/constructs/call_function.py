"""`call: <function>`: a task that has a name of its own, here, in a catalog, or at an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from engine.interpreter.constructs import catalogs
from engine.interpreter.constructs.catalogs import Source
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.errors import fault
from engine.language.model import Task, TaskResult
from engine.language.reader import DocumentNode

# A catalog's function may call others; one of the definition's own cannot call itself.
DEPTH_MAX = 16


@dataclass(frozen=True, slots=True)
class CallFunction:
    """A function of the definition, and the parameters to call it with.

    They are the function's input, and all of it: without `with` it is an empty object. What the function's
    task gives is the step's; where its own `then` leads, there is nothing.
    """

    resumes: ClassVar = True
    function: str
    functions: dict[str, Task]
    arguments: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give what the function gives."""
        return await _called(
            self.functions[self.function], self.arguments, interpreter, data, scope
        )


@dataclass(frozen=True, slots=True)
class CallCataloged:
    """A function that is fetched when it is first called, once in an execution."""

    resumes: ClassVar = True
    source: Source
    arguments: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give what the function gives.

        :raises FaultError: of kind communication when it cannot be fetched, configuration when it is no task.
        """
        function = await catalogs.fetch(self.source, interpreter, data, scope)
        # What others wrote may be called with secrets, but does not see them by itself.
        return await _called(function, self.arguments, interpreter, data, scope, secrets={})


async def _called(
    function: Task, arguments: Any, interpreter: Interpreter, data: Any, scope: Scope, **hidden: Any
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
            scope.with_variables(**hidden), frame=frame, depth=scope.depth + 1, extended_task=None
        )
        return TaskResult((await interpreter.run_task(function, state["arguments"], within)).output)


def read(node: DocumentNode, calls: Sequence[str]) -> CallFunction | CallCataloged:
    """Read the step's own keys; `calls` is what is called by a name that the language knows."""
    called, given = node.require("call"), node.get("with")
    arguments = given.template() if given is not None and given.members() else None
    name = called.text()
    functions = node.use.get("functions")
    if isinstance(functions, dict) and name in functions:
        check_one(node, name)
        return CallFunction(name, node.reading.functions, arguments)
    known = (*calls, *(functions if isinstance(functions, dict) else ()))
    return CallCataloged(catalogs.read(called, known), arguments)


def check_all(use: DocumentNode) -> None:
    """Read every function of the `use` object that stands here."""
    functions = use.get("functions")
    for name in functions.members() if functions is not None else ():
        check_one(functions or use, name)


def check_one(node: DocumentNode, name: str) -> None:
    """Read a function once for all its calls; it sees no variables but the language's own."""
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
