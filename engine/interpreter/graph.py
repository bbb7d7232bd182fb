"""A definition as a graph: its steps, and where the flow may go from each.

Nodes are named by JSON pointers into the document (RFC 6901): the document itself is where it begins, and
the place after the last step (section 4 of the RFC calls it `-`) is its end. Steps that run below another
one have that one as their parent. Functions and extensions are drawn once: whatever calls on them leads
there, and what comes after them is what comes after the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import TooLargeError
from engine.interpreter.constructs import registry
from engine.interpreter.constructs.call_function import CallFunction
from engine.interpreter.constructs.do_task import Do
from engine.interpreter.constructs.extensions import Extended
from engine.interpreter.constructs.for_task import Loop
from engine.interpreter.constructs.fork_task import Fork
from engine.interpreter.constructs.listen_task import Listen
from engine.interpreter.constructs.raise_task import Raise
from engine.interpreter.constructs.subscribe_asyncapi import Subscribe
from engine.interpreter.constructs.switch_task import Switch
from engine.interpreter.constructs.try_task import Try
from engine.language.model import CONTINUE, END, EXIT, Definition, Task

BEGINNING, ENDING = "", "/do/-"
EDGES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Spot:
    """A node: a step, the beginning (`workflow`) or the end."""

    id: str
    kind: str
    name: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one node to another; the label is a name that the document's author gave."""

    source: str
    target: str
    kind: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """All nodes and edges, in the order of the document."""

    nodes: Sequence[Spot]
    edges: Sequence[Edge]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
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
class Way:
    """Where the flow goes on: a node, or back to whatever called."""

    target: str | None
    kind: str = "sequence"


BACK = Way(None)
Leads = Callable[[str | None], Way]  # what a `then` means where a step stands


def draw(definition: Definition) -> Graph:
    """Return the graph of a definition that can run.

    :raises TooLargeError: `graph_too_large`, past EDGES_MAX edges.
    """
    drawing = _Drawing()
    drawing.nodes[BEGINNING] = Spot(BEGINNING, "workflow", definition.name, None)
    drawing.add_edge(BEGINNING, Way(definition.tasks[0].pointer))
    drawing.add_list(definition.tasks, BEGINNING, Way(ENDING), Way(ENDING))
    return Graph([*drawing.nodes.values()], [*drawing.edges])


@dataclass(slots=True)
class _Drawing:
    """A graph that is being drawn."""

    nodes: dict[str, Spot] = field(default_factory=dict)
    edges: dict[Edge, None] = field(default_factory=dict)

    def add_edge(
        self, source: str, way: Way, kind: str | None = None, label: str | None = None
    ) -> None:
        """Lead somewhere, unless that is back."""
        if way.target is None:
            return
        if way.target == ENDING:
            self.nodes.setdefault(ENDING, Spot(ENDING, "end", END, BEGINNING))
        self.edges[Edge(source, way.target, kind or way.kind, label)] = None
        if len(self.edges) > EDGES_MAX:
            raise TooLargeError("graph_too_large", f"A graph may have {EDGES_MAX} edges.")

    def add_list(self, tasks: Sequence[Task], parent: str, onward: Way, caught: Way) -> None:
        """Draw a list of steps; `onward` leads out of it, `caught` is where its errors go."""
        places = {
            task.name: task.pointer for task in reversed(tasks)
        }  # of several, a then means the first

        def leading(following: Way) -> Leads:
            ways = {None: following, CONTINUE: following, EXIT: Way(onward.target, "exit")}
            return lambda then: (
                {**ways, END: Way(ENDING, "end")}.get(then) or Way(places[str(then)], "then")
            )

        for task, after in zip(tasks, [*tasks[1:], None], strict=True):
            self.add_task(
                task, parent, leading(onward if after is None else Way(after.pointer)), caught
            )

    def add_task(self, task: Task, parent: str, leads: Leads, caught: Way) -> None:
        """Draw one step, and all below it."""
        self.nodes[task.pointer] = Spot(task.pointer, _kind(task), task.name, parent)
        construct = task.construct
        if isinstance(construct, Extended):
            self._extensions(task, construct)
            construct = construct.construct
        self._ways(task, construct, leads, caught)
        if task.condition is not None:
            self.add_edge(task.pointer, leads(None), "skip")

    def _ways(self, task: Task, construct: object, leads: Leads, caught: Way) -> None:
        match construct:
            case Switch():
                self._switch(task, construct, leads)
            case Do(tasks=tasks):
                self._below(task, tasks, "do", leads(task.then), caught)
            case Fork(branches=branches):
                self._fork(task, branches, leads(task.then), caught)
            case Try():
                self._try(task, construct, leads, caught)
            case Raise():
                self.add_edge(task.pointer, caught, "fault")
            case Loop(tasks=tasks):
                self._rounds(task, tasks, leads, caught)
            case Listen(iteration=iteration) | Subscribe(iteration=iteration):
                self._rounds(task, iteration.tasks, leads, caught)
            case CallFunction(function=name, functions=functions):
                self._function(task, functions[name], leads(task.then))
            case _:
                self.add_edge(task.pointer, leads(task.then))

    def _fork(self, task: Task, branches: Sequence[Task], onward: Way, caught: Way) -> None:
        """Draw branches, whose own `then` leads nowhere: each is the only step of its list."""
        for branch in branches:
            self.add_edge(task.pointer, Way(branch.pointer, "branch"), label=branch.name)
            self.add_task(branch, task.pointer, lambda _: onward, caught)

    def _below(
        self, task: Task, tasks: Sequence[Task], kind: str, onward: Way, caught: Way
    ) -> None:
        self.add_edge(task.pointer, Way(tasks[0].pointer, kind))
        self.add_list(tasks, task.pointer, onward, caught)

    def _rounds(self, task: Task, tasks: Sequence[Task], leads: Leads, caught: Way) -> None:
        if tasks:
            self._below(task, tasks, "loop", Way(task.pointer, "next"), caught)
        self.add_edge(task.pointer, leads(task.then))

    def _switch(self, task: Task, switch: Switch, leads: Leads) -> None:
        for item in task.source["switch"]:
            for name, case in item.items():
                self.add_edge(task.pointer, leads(case["then"]), "case", str(name))
        if all(case.when is not None for case in switch.cases):
            self.add_edge(task.pointer, leads(task.then))

    def _try(self, task: Task, tried: Try, leads: Leads, caught: Way) -> None:
        onward = leads(tried.then or task.then)
        if tried.handler is not None:
            rescue = Way(tried.handler[0].pointer, "catch")
        else:  # what is not tried again leaves the data as it was
            rescue = caught if tried.retry is not None else onward
        self._below(task, tried.tasks, "try", leads(task.then), rescue)
        if tried.retry is not None:
            self.add_edge(task.pointer, Way(task.pointer, "retry"))
        if tried.handler is not None:
            self._below(task, tried.handler, "catch", onward, caught)
        elif tried.retry is None:
            self.add_edge(task.pointer, onward, "catch")

    def _function(self, task: Task, function: Task, onward: Way) -> None:
        self.add_edge(task.pointer, onward)
        self.add_edge(task.pointer, Way(function.pointer, "call"))
        if function.pointer not in self.nodes:
            self.add_task(function, BEGINNING, lambda _: BACK, BACK)

    def _extensions(self, task: Task, extended: Extended) -> None:
        for extension in extended.extensions:
            for when, tasks in (("before", extension.before), ("after", extension.after)):
                if tasks:
                    self.add_edge(task.pointer, Way(tasks[0].pointer, when))
                if tasks and tasks[0].pointer not in self.nodes:
                    self.add_list(tasks, BEGINNING, BACK, BACK)


def _kind(task: Task) -> str:
    return next(kind for kind in registry.CONSTRUCTS if kind in task.source)
