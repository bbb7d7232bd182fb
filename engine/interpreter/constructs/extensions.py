"""Extensions: tasks before and after every task of a kind (DSL reference, "Extension").

The specification leaves open what follows; this module decides it:

* The tasks before run on the task's transformed input, the tasks after on its raw output, all
  within its timeout. Several extensions run in declared order.
* The output of an extension is dropped, so that one which logs or checks changes nothing. What its
  tasks export counts.
* `exit` in the list before is the exception: the extended task and later extensions do not run, and
  the output of the list is the task's output.
* In an extension, `$task` is the extended task: its descriptor with the members of its
  definition, as in the examples of the reference.
* Extensions do not extend the tasks of extensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from engine.expressions.jq import Program
from engine.interpreter.runtime.interpreter import Construct, Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.model import Task, TaskResult

TARGETS = (
    "call",
    "composite",
    "emit",
    "for",
    "listen",
    "raise",
    "run",
    "set",
    "switch",
    "try",
    "wait",
    "all",
)
_COMPOSITE = ("do", "fork")


@dataclass(frozen=True, slots=True)
class Extension:
    """Extension of the tasks of a kind, with its condition and its tasks."""

    target: str
    when: Program | None
    before: Sequence[Task]
    after: Sequence[Task]

    def extends(self, kind: str) -> bool:
        """Return whether it extends tasks of a kind."""
        return self.target in ("all", kind) or (self.target == "composite" and kind in _COMPOSITE)


@dataclass(frozen=True, slots=True)
class ExtendedConstruct:
    """Construct with the extensions that apply to it."""

    resumes: ClassVar = True
    construct: Construct
    extensions: Sequence[Extension]

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the task's result, or the output of an extension that replaces it."""
        state, frame = scope.frame.state, scope.frame
        descriptor = scope.variables["task"]
        task = {**descriptor["definition"], **descriptor}
        within = replace(scope.with_variables(task=task), extended_task=task)
        if "applying" not in state:
            state["applying"] = [
                at
                for at, one in enumerate(self.extensions)
                if one.when is None or interpreter.is_true(one.when, data, within)
            ]
            state |= {"before": 0, "after": 0}
        applying = [self.extensions[at] for at in state["applying"]]
        for extension in applying[state["before"] :]:
            output = await self._run_list(extension.before, interpreter, data, within)
            if state.pop("exited", None) is not None:
                return TaskResult(output)
            state["before"] += 1
        if "output" not in state:
            resumes = getattr(self.construct, "resumes", False)
            with (
                frame.child("task", pinned=not resumes) as own,
                interpreter.quiescence.pinning(own),
            ):
                result = await self.construct.run(interpreter, data, replace(scope, frame=own))
            state |= {
                "output": result.output,
                "then": result.then,
                "authorization": result.authorization,
            }
        after = within.with_variables(output=state["output"], authorization=state["authorization"])
        for extension in applying[state["after"] :]:
            await self._run_list(extension.after, interpreter, state["output"], after)
            state.pop("exited", None)
            state["after"] += 1
        return TaskResult(state["output"], state["then"], state["authorization"])

    async def _run_list(
        self, tasks: Sequence[Task], interpreter: Interpreter, data: Any, scope: Scope
    ) -> Any:
        return await interpreter.run_tasks(tasks, data, scope, part="extension") if tasks else None


def read(use: DocumentNode) -> list[Extension]:
    """Return the extensions of the `use` object, read once for a whole document."""
    items = use.get("extensions")
    if items is None:
        return []
    if use.reading.extensions is None:
        use.reading.extensions = [one for item in items.items() for one in _read_item(item)]
    return use.reading.extensions


def extend(node: DocumentNode, kind: str, construct: Construct) -> Construct:
    """Return a task's construct with the definition's extensions of its kind."""
    if "extensions" not in node.use:
        return construct
    top = replace(
        node,
        value=node.use,
        pointer="/use",
        outline="/use",
        place="/use",
        variables=node.global_variables(),
    )
    extensions = [one for one in read(top) if one.extends(kind)]
    return ExtendedConstruct(construct, extensions) if extensions else construct


def _read_item(item: DocumentNode) -> list[Extension]:
    members = item.members()
    if len(members) != 1:
        item.add_fault("must have exactly one member: the extension under its name")
        return []
    name, value = next(iter(members.items()))
    node = item.under_name(str(name), value).allow_only("extend", "when", "before", "after")
    plain = replace(
        node, use={group: member for group, member in node.use.items() if group != "extensions"}
    )
    when = plain.get("when")
    return [
        Extension(
            target=plain.require("extend").one_of(*TARGETS),
            when=when.program() if when else None,
            before=_read_tasks(plain, "before"),
            after=_read_tasks(plain, "after"),
        )
    ]


def _read_tasks(node: DocumentNode, key: str) -> Sequence[Task]:
    tasks = node.get(key)
    return tasks.read_tasks(tasks) if tasks else ()
