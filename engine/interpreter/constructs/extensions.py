"""Extensions: steps before and after every step of a kind (DSL reference, "Extension").

What the specification leaves open is settled here. The steps before run on the step's transformed input,
those after on its raw output, all within its timeout; several extensions run in declared order. What they
give is dropped, so that one which logs or checks changes nothing, but for what they export. The exception
is `exit` in the list before: then the extended step does not run, nor do later extensions, and what was
given is its output. Everywhere in an extension `$task` is the extended step's, with the members of its
definition beside those of its descriptor, as the reference's own examples have it. Extensions do not extend
the steps of extensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from engine.expressions.jq import Program
from engine.interpreter.runtime.interpreter import Construct, Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.model import Task, TaskResult
from engine.language.reader import DocumentNode

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
    """Which steps it extends, when, and with what."""

    target: str
    when: Program | None
    before: Sequence[Task]
    after: Sequence[Task]

    def extends(self, kind: str) -> bool:
        """Tell whether it is for steps of a kind."""
        return self.target in ("all", kind) or (self.target == "composite" and kind in _COMPOSITE)


@dataclass(frozen=True, slots=True)
class Extended:
    """A kind with what is done before and after it."""

    resumes: ClassVar = True
    construct: Construct
    extensions: Sequence[Extension]

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give what the step gives, or what an extension gives in its place."""
        state, frame = scope.frame.state, scope.frame
        descriptor = scope.variables["task"]
        extended = {**descriptor["definition"], **descriptor}
        within = replace(scope.with_variables(task=extended), extended_task=extended)
        if "applying" not in state:
            state["applying"] = [
                at
                for at, one in enumerate(self.extensions)
                if one.when is None or interpreter.is_true(one.when, data, within)
            ]
            state |= {"before": 0, "after": 0}
        applying = [self.extensions[at] for at in state["applying"]]
        for extension in applying[state["before"] :]:
            given = await self._list(extension.before, interpreter, data, within)
            if state.pop("exited", None) is not None:
                return TaskResult(given)
            state["before"] += 1
        if "output" not in state:
            resumes = getattr(self.construct, "resumes", False)
            with (
                frame.child("task", pinned=not resumes) as own,
                interpreter.quiescence.pinning(own),
            ):
                done = await self.construct.run(interpreter, data, replace(scope, frame=own))
            state |= {"output": done.output, "then": done.then, "authorization": done.authorization}
        after = within.with_variables(output=state["output"], authorization=state["authorization"])
        for extension in applying[state["after"] :]:
            await self._list(extension.after, interpreter, state["output"], after)
            state.pop("exited", None)
            state["after"] += 1
        return TaskResult(state["output"], state["then"], state["authorization"])

    async def _list(
        self, tasks: Sequence[Task], interpreter: Interpreter, data: Any, scope: Scope
    ) -> Any:
        return await interpreter.run_tasks(tasks, data, scope, part="extension") if tasks else None


def read(use: DocumentNode) -> list[Extension]:
    """Return the extensions of the `use` object that stands here, read once for a whole document."""
    listed = use.get("extensions")
    if listed is None:
        return []
    if use.reading.extensions is None:
        use.reading.extensions = [one for item in listed.items() for one in _read_item(item)]
    return use.reading.extensions


def extended(node: DocumentNode, key: str, construct: Construct) -> Construct:
    """Return a step's kind with the definition's extensions that are for it."""
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
    found = [one for one in read(top) if one.extends(key)]
    return Extended(construct, found) if found else construct


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
            before=_steps(plain, "before"),
            after=_steps(plain, "after"),
        )
    ]


def _steps(node: DocumentNode, key: str) -> Sequence[Task]:
    found = node.get(key)
    return found.read_tasks(found) if found else ()
