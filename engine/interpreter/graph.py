"""Graph of a definition: its tasks, and the flow between them.

The id of a node is a JSON pointer into the document (RFC 6901). The document itself is the
beginning; the place after the last task (`-` in section 4 of the RFC) is the end. A task inside
another one has that one as its parent. Each function and extension is in the graph once: edges lead
there from its callers, and the flow continues after the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import TooLargeError
from engine.interpreter.constructs import registry
from engine.interpreter.constructs.call_function import CallFunction
from engine.interpreter.constructs.do_task import Do
from engine.interpreter.constructs.extensions import ExtendedConstruct
from engine.interpreter.constructs.for_task import For
from engine.interpreter.constructs.fork_task import Fork
from engine.interpreter.constructs.listen_task import Listen
from engine.interpreter.constructs.raise_task import Raise
from engine.interpreter.constructs.subscribe_asyncapi import Subscribe
from engine.interpreter.constructs.switch_task import Switch
from engine.interpreter.constructs.try_task import Try
from engine.language.model import CONTINUE, END, EXIT, Task, WorkflowDefinition

BEGINNING, ENDING = "", "/do/-"
EDGES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class GraphNode:
    """Node of a graph: a task, the beginning (`workflow`) or the end."""

    id: str
    kind: str
    name: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """GraphEdge from one node to another; the label is a name in the document."""

    source: str
    target: str
    kind: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges of a definition, in the order of the document."""

    nodes: Sequence[GraphNode]
    edges: Sequence[GraphEdge]

    def to_json(self) -> dict[str, Any]:
        """Return the graph as JSON."""
        return {
            "nodes": [
                {"id": node.id, "kind": node.kind, "name": node.name, "parent": node.parent}
                for node in self.nodes
            ],
            "edges": [
                {"from": edge.source, "to": edge.target, "kind": edge.kind, "label": edge.label}
                for edge in self.edges
            ],
        }


@dataclass(frozen=True, slots=True)
class Flow:
    """Continuation of the flow: at a node, or, without a target, after the caller."""

    target: str | None
    kind: str = "sequence"


RETURN = Flow(None)
Resolver = Callable[[str | None], Flow]  # returns the flow that a `then` means for a task


def draw(definition: WorkflowDefinition) -> Graph:
    """Return the graph of a definition that can run.

    :raises TooLargeError: `graph_too_large`, past EDGES_MAX edges.
    """
    builder = _GraphBuilder()
    builder.nodes[BEGINNING] = GraphNode(BEGINNING, "workflow", definition.name, None)
    builder.add_edge(BEGINNING, Flow(definition.tasks[0].pointer))
    builder.add_list(definition.tasks, BEGINNING, Flow(ENDING), Flow(ENDING))
    return Graph([*builder.nodes.values()], [*builder.edges])


@dataclass(slots=True)
class _GraphBuilder:
    """Builder of a graph."""

    nodes: dict[str, GraphNode] = field(default_factory=dict)
    edges: dict[GraphEdge, None] = field(default_factory=dict)

    def add_edge(
        self, source: str, flow: Flow, kind: str | None = None, label: str | None = None
    ) -> None:
        """Add an edge to the target of a flow, if it has one."""
        if flow.target is None:
            return
        if flow.target == ENDING:
            self.nodes.setdefault(ENDING, GraphNode(ENDING, "end", END, BEGINNING))
        self.edges[GraphEdge(source, flow.target, kind or flow.kind, label)] = None
        if len(self.edges) > EDGES_MAX:
            raise TooLargeError("graph_too_large", f"A graph may have {EDGES_MAX} edges.")

    def add_list(self, tasks: Sequence[Task], parent: str, following: Flow, on_error: Flow) -> None:
        """Add a list of tasks; the flow continues at `following`, after an error at `on_error`."""
        # Of several tasks of one name, a `then` means the first.
        pointers = {task.name: task.pointer for task in reversed(tasks)}

        def resolver(next_flow: Flow) -> Resolver:
            flows = {
                None: next_flow,
                CONTINUE: next_flow,
                EXIT: Flow(following.target, "exit"),
                END: Flow(ENDING, "end"),
            }
            return lambda then: flows.get(then) or Flow(pointers[str(then)], "then")

        for task, successor in zip(tasks, [*tasks[1:], None], strict=True):
            next_flow = following if successor is None else Flow(successor.pointer)
            self.add_task(task, parent, resolver(next_flow), on_error)

    def add_task(self, task: Task, parent: str, resolve: Resolver, on_error: Flow) -> None:
        """Add a task and all tasks inside it."""
        self.nodes[task.pointer] = GraphNode(task.pointer, _kind(task), task.name, parent)
        construct = task.construct
        if isinstance(construct, ExtendedConstruct):
            self._add_extensions(task, construct)
            construct = construct.construct
        self._add_construct(task, construct, resolve, on_error)
        if task.condition is not None:
            self.add_edge(task.pointer, resolve(None), "skip")

    def _add_construct(
        self, task: Task, construct: object, resolve: Resolver, on_error: Flow
    ) -> None:
        match construct:
            case Switch():
                self._add_switch(task, construct, resolve)
            case Do(tasks=tasks):
                self._add_inner_list(task, tasks, "do", resolve(task.then), on_error)
            case Fork(branches=branches):
                self._add_fork(task, branches, resolve(task.then), on_error)
            case Try():
                self._add_try(task, construct, resolve, on_error)
            case Raise():
                self.add_edge(task.pointer, on_error, "fault")
            case For(tasks=tasks):
                self._add_loop(task, tasks, resolve, on_error)
            case Listen(iteration=iteration) | Subscribe(iteration=iteration):
                self._add_loop(task, iteration.tasks, resolve, on_error)
            case CallFunction(function=name, functions=functions):
                self._add_function(task, functions[name], resolve(task.then))
            case _:
                self.add_edge(task.pointer, resolve(task.then))

    def _add_fork(
        self, task: Task, branches: Sequence[Task], following: Flow, on_error: Flow
    ) -> None:
        """Add branches; their own `then` has no effect, as each is the only task of its list."""
        for branch in branches:
            self.add_edge(task.pointer, Flow(branch.pointer, "branch"), label=branch.name)
            self.add_task(branch, task.pointer, lambda _: following, on_error)

    def _add_inner_list(
        self, task: Task, tasks: Sequence[Task], kind: str, following: Flow, on_error: Flow
    ) -> None:
        self.add_edge(task.pointer, Flow(tasks[0].pointer, kind))
        self.add_list(tasks, task.pointer, following, on_error)

    def _add_loop(
        self, task: Task, tasks: Sequence[Task], resolve: Resolver, on_error: Flow
    ) -> None:
        if tasks:
            self._add_inner_list(task, tasks, "loop", Flow(task.pointer, "next"), on_error)
        self.add_edge(task.pointer, resolve(task.then))

    def _add_switch(self, task: Task, switch: Switch, resolve: Resolver) -> None:
        for item in task.source["switch"]:
            for name, case in item.items():
                self.add_edge(task.pointer, resolve(case["then"]), "case", str(name))
        if all(case.when is not None for case in switch.cases):
            self.add_edge(task.pointer, resolve(task.then))

    def _add_try(self, task: Task, construct: Try, resolve: Resolver, on_error: Flow) -> None:
        following = resolve(construct.then or task.then)
        if construct.handler is not None:
            on_try_error = Flow(construct.handler[0].pointer, "catch")
        else:  # without a retry, the data stay as they were
            on_try_error = on_error if construct.retry is not None else following
        self._add_inner_list(task, construct.tasks, "try", resolve(task.then), on_try_error)
        if construct.retry is not None:
            self.add_edge(task.pointer, Flow(task.pointer, "retry"))
        if construct.handler is not None:
            self._add_inner_list(task, construct.handler, "catch", following, on_error)
        elif construct.retry is None:
            self.add_edge(task.pointer, following, "catch")

    def _add_function(self, task: Task, function: Task, following: Flow) -> None:
        self.add_edge(task.pointer, following)
        self.add_edge(task.pointer, Flow(function.pointer, "call"))
        if function.pointer not in self.nodes:
            self.add_task(function, BEGINNING, lambda _: RETURN, RETURN)

    def _add_extensions(self, task: Task, construct: ExtendedConstruct) -> None:
        for extension in construct.extensions:
            for when, tasks in (("before", extension.before), ("after", extension.after)):
                if tasks:
                    self.add_edge(task.pointer, Flow(tasks[0].pointer, when))
                if tasks and tasks[0].pointer not in self.nodes:
                    self.add_list(tasks, BEGINNING, RETURN, RETURN)


def _kind(task: Task) -> str:
    return next(kind for kind in registry.CONSTRUCTS if kind in task.source)
