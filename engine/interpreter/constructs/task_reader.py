"""Lists of tasks, and the members that every task may have."""

from __future__ import annotations

from collections.abc import Sequence

from engine.expressions.jq import Program
from engine.interpreter.constructs import extensions, registry
from engine.interpreter.constructs.placeholder import Placeholder
from engine.interpreter.constructs.transform_reader import read_transform
from engine.interpreter.runtime.interpreter import Construct
from engine.language.document_node import TASKS_MAX, DocumentNode, EnoughError
from engine.language.model import CONTINUE, END, EXIT, Task
from engine.language.size_limits import NESTED_MAX

COMMON = ("if", "input", "output", "export", "timeout", "then", "metadata")


def read_tasks(node: DocumentNode) -> Sequence[Task]:
    """Read a list of named tasks and check that every `then` has a target in it."""
    tasks = [task for task in (_read_item(item) for item in node.items()) if task is not None]
    if isinstance(node.value, list) and not node.value:
        node.add_fault("must have at least one step")
    names = [task.name for task in tasks]
    targets = {CONTINUE: None, EXIT: None, END: None, **dict.fromkeys(names)}
    for task in tasks:
        if names.count(task.name) > 1 and _is_target(task.name, tasks):
            detail = "several steps are named {}, which a then leads to"
            node.add_fault(detail.format(task.name), gist=detail.format("alike"))
            break
    for item, task in zip(node.items(), tasks, strict=False):
        for target in _targets(item.under_name(task.name, item.value.get(task.name))):
            if target.value not in targets:
                gist = "leads to no step of the same list"
                target.add_fault(gist + node.reading.nearest(target.value, targets), gist=gist)
    return tasks


def _read_item(item: DocumentNode) -> Task | None:
    members = item.members()
    if len(members) != 1:
        item.add_fault("must have exactly one member: the step under its name")
        return None
    name, value = next(iter(members.items()))
    return read_task(str(name), item.under_name(name, value))


def read_task(name: str, node: DocumentNode) -> Task:
    """Read one task under its name.

    :raises EnoughError: when the document has too many tasks, or nests them too deeply.
    """
    reading = node.reading
    reading.tasks += 1
    if reading.tasks > TASKS_MAX:
        node.add_fault(f"a definition may have at most {TASKS_MAX} steps (definitionSteps)")
        raise EnoughError
    if reading.nesting == NESTED_MAX:
        node.add_fault(f"steps may stand at most {NESTED_MAX} deep in one another (stepsNested)")
        raise EnoughError
    reading.nesting += 1
    task = _read_members(name, node)
    reading.nesting -= 1
    return task


def _read_members(name: str, node: DocumentNode) -> Task:
    members = node.members()
    timeout = node.get("timeout")
    condition = node.get("if")
    return Task(
        name=name,
        pointer=node.pointer,
        place=node.place,
        source=members,
        construct=_read_construct(node),
        kind=next((kind for kind in registry.CONSTRUCTS if kind in members), ""),
        condition=condition.program() if condition else None,
        input=read_transform(node, "input", "from"),
        output=read_transform(node, "output", "as"),
        export=read_transform(node, "export", "as"),
        then=_then(node),
        timeout=read_timeout(timeout) if timeout else None,
    )


def read_timeout(node: DocumentNode) -> float | Program | None:
    """Read a timeout, inline or by the name it has under `use.timeouts`."""
    if isinstance(node.value, str):
        component = node.component("timeouts")
        return read_timeout(component) if component else None
    after = node.allow_only("after").require("after")
    return after.duration()


def _read_construct(node: DocumentNode) -> Construct:
    members = node.members()
    if not isinstance(node.value, dict):
        return Placeholder()
    for kind in registry.CONSTRUCTS:
        if kind in members:
            _refuse_second_construct(node, kind)
            return extensions.extend(node, kind, registry.reader_of(kind)(node))
    for kind in registry.NOT_YET:
        if kind in members:
            node.child(kind, None).add_fault(f"{kind} is not supported yet")
            return Placeholder()
    node.allow_only(*registry.CONSTRUCTS, *COMMON)
    if not any(node.reading.nearest(key, registry.CONSTRUCTS) for key in members):
        node.add_fault(
            f"needs one of {', '.join(registry.CONSTRUCTS)}, which says what the step does"
        )
    return Placeholder()


def _refuse_second_construct(node: DocumentNode, kind: str) -> None:
    """Add a fault for each member that does not belong to the task's kind."""
    names = (*registry.keys_of(kind), *COMMON)
    for other in registry.CONSTRUCTS:
        if other in node.members() and other not in names:
            node.child(other, None).add_fault(
                f"a step does one thing, and this one already has {kind}"
            )
    node.allow_only(*names, *registry.CONSTRUCTS)


def _then(node: DocumentNode) -> str | None:
    then = node.get("then")
    return then.text() if then else None


def _targets(node: DocumentNode) -> list[DocumentNode]:
    """Return every `then` that directs the flow after this task."""
    targets = [node.get("then")]
    cases = node.get("switch")
    if cases is not None and isinstance(cases.value, list):
        for case in cases.items():
            if isinstance(case.value, dict):
                targets += [
                    case.under_name(str(name), body).get("then")
                    for name, body in case.value.items()
                ]
    catch = node.get("catch")
    targets.append(catch.get("then") if catch else None)
    return [target for target in targets if target is not None]


def _is_target(name: str, tasks: Sequence[Task]) -> bool:
    return any(task.then == name for task in tasks)
