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
from engine.language.model import CONTINUE, END, EXIT, Definition, Step

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

    def shown(self) -> dict[str, Any]:
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
    drawing.edge(BEGINNING, Way(definition.steps[0].pointer))
    drawing.list(definition.steps, BEGINNING, Way(ENDING), Way(ENDING))
    return Graph([*drawing.nodes.values()], [*drawing.edges])


@dataclass(slots=True)
class _Drawing:
    """A graph that is being drawn."""

    nodes: dict[str, Spot] = field(default_factory=dict)
    edges: dict[Edge, None] = field(default_factory=dict)

    def edge(
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

    def list(self, steps: Sequence[Step], parent: str, onward: Way, caught: Way) -> None:
        """Draw a list of steps; `onward` leads out of it, `caught` is where its errors go."""
        places = {
            step.name: step.pointer for step in reversed(steps)
        }  # of several, a then means the first

        def leading(following: Way) -> Leads:
            ways = {None: following, CONTINUE: following, EXIT: Way(onward.target, "exit")}
            return lambda then: (
                {**ways, END: Way(ENDING, "end")}.get(then) or Way(places[str(then)], "then")
            )

        for step, after in zip(steps, [*steps[1:], None], strict=True):
            self.step(
                step, parent, leading(onward if after is None else Way(after.pointer)), caught
            )

    def step(self, step: Step, parent: str, leads: Leads, caught: Way) -> None:
        """Draw one step, and all below it."""
        self.nodes[step.pointer] = Spot(step.pointer, _kind(step), step.name, parent)
        kind = step.kind
        if isinstance(kind, Extended):
            self._extensions(step, kind)
            kind = kind.kind
        self._ways(step, kind, leads, caught)
        if step.condition is not None:
            self.edge(step.pointer, leads(None), "skip")

    def _ways(self, step: Step, kind: object, leads: Leads, caught: Way) -> None:
        match kind:
            case Switch():
                self._switch(step, kind, leads)
            case Do(steps=steps):
                self._below(step, steps, "do", leads(step.then), caught)
            case Fork(branches=branches):
                self._fork(step, branches, leads(step.then), caught)
            case Try():
                self._try(step, kind, leads, caught)
            case Raise():
                self.edge(step.pointer, caught, "fault")
            case Loop(steps=steps):
                self._rounds(step, steps, leads, caught)
            case Listen(iteration=iteration) | Subscribe(iteration=iteration):
                self._rounds(step, iteration.steps, leads, caught)
            case CallFunction(function=name, functions=functions):
                self._function(step, functions[name], leads(step.then))
            case _:
                self.edge(step.pointer, leads(step.then))

    def _fork(self, step: Step, branches: Sequence[Step], onward: Way, caught: Way) -> None:
        """Draw branches, whose own `then` leads nowhere: each is the only step of its list."""
        for branch in branches:
            self.edge(step.pointer, Way(branch.pointer, "branch"), label=branch.name)
            self.step(branch, step.pointer, lambda _: onward, caught)

    def _below(
        self, step: Step, steps: Sequence[Step], kind: str, onward: Way, caught: Way
    ) -> None:
        self.edge(step.pointer, Way(steps[0].pointer, kind))
        self.list(steps, step.pointer, onward, caught)

    def _rounds(self, step: Step, steps: Sequence[Step], leads: Leads, caught: Way) -> None:
        if steps:
            self._below(step, steps, "loop", Way(step.pointer, "next"), caught)
        self.edge(step.pointer, leads(step.then))

    def _switch(self, step: Step, switch: Switch, leads: Leads) -> None:
        for item in step.source["switch"]:
            for name, case in item.items():
                self.edge(step.pointer, leads(case["then"]), "case", str(name))
        if all(case.when is not None for case in switch.cases):
            self.edge(step.pointer, leads(step.then))

    def _try(self, step: Step, tried: Try, leads: Leads, caught: Way) -> None:
        onward = leads(tried.then or step.then)
        if tried.handler is not None:
            rescue = Way(tried.handler[0].pointer, "catch")
        else:  # what is not tried again leaves the data as it was
            rescue = caught if tried.retry is not None else onward
        self._below(step, tried.steps, "try", leads(step.then), rescue)
        if tried.retry is not None:
            self.edge(step.pointer, Way(step.pointer, "retry"))
        if tried.handler is not None:
            self._below(step, tried.handler, "catch", onward, caught)
        elif tried.retry is None:
            self.edge(step.pointer, onward, "catch")

    def _function(self, step: Step, function: Step, onward: Way) -> None:
        self.edge(step.pointer, onward)
        self.edge(step.pointer, Way(function.pointer, "call"))
        if function.pointer not in self.nodes:
            self.step(function, BEGINNING, lambda _: BACK, BACK)

    def _extensions(self, step: Step, extended: Extended) -> None:
        for extension in extended.extensions:
            for when, steps in (("before", extension.before), ("after", extension.after)):
                if steps:
                    self.edge(step.pointer, Way(steps[0].pointer, when))
                if steps and steps[0].pointer not in self.nodes:
                    self.list(steps, BEGINNING, BACK, BACK)


def _kind(step: Step) -> str:
    return next(kind for kind in registry.KINDS if kind in step.source)
