"""A place in a document being read: its value, its JSON pointer, and the list of all faults found so far."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from engine.errors import Fault
from engine.expressions.jq import Program, program, refusal, unwrapped
from engine.expressions.templates import prepare
from engine.language import durations
from engine.language.model import Task

TASKS_MAX = 2_000
FAULTS_MAX = 50
COMPARED_MAX = 3_000  # words with one another, in one reading, to say which was meant
WORD_CHARACTERS_MAX = 64  # of such a word: comparing takes the square of it
PROGRAM_CHARACTERS_MAX = 16_384
ARGUMENTS = frozenset(
    {"context", "input", "output", "task", "workflow", "runtime", "authorization"}
)
_SECRET = re.compile(r'\$secrets(?:\.([A-Za-z_]\w*)|\.?\[\s*"([^"\\]+)"\s*\])', re.ASCII)
SECRETS = "secrets"  # an argument only where the definition lists some


class EnoughError(Exception):
    """Not an error: what there is to say of the document is said, and reading on would add nothing."""


@dataclass(slots=True)
class DocumentReading:
    """What is shared while one document is read."""

    compiles: bool  # whether programs are compiled as well: needed once, when a definition is saved
    read_task: Callable[[str, DocumentNode], Task]
    faults: list[Fault] = field(default_factory=list)
    tasks: int = 0
    nested: int = 0  # steps that are being read, each in the one before
    compared: int = 0
    functions: dict[str, Task] = field(default_factory=dict)  # of `use`, once they are read
    within: list[str] = field(default_factory=list)  # the functions being read at the moment
    extensions: list[Any] | None = None  # of `use`, once they are read

    def nearest(self, word: Any, known: Iterable[str]) -> str:
        """Return the question whether a known word was meant, for the end of a sentence; or nothing."""
        if len(str(word)) > WORD_CHARACTERS_MAX:
            return ""
        names = [str(name) for name in islice(known, COMPARED_MAX - self.compared)]
        self.compared += len(names)
        near = difflib.get_close_matches(
            str(word), [name for name in names if len(name) <= WORD_CHARACTERS_MAX], 1
        )
        return f"; did you mean {near[0]}?" if near else ""


@dataclass(frozen=True, slots=True)
class DocumentNode:
    """A value, where it stands, what may be called upon there, and the reading it belongs to."""

    value: Any
    pointer: str
    reading: DocumentReading
    read_tasks: Callable[[DocumentNode], Sequence[Task]]
    variables: frozenset[str] = ARGUMENTS
    use: dict[str, Any] = field(default_factory=dict)  # the document's reusable components
    place: str = ""  # the pointer without the names of steps
    outline: str = ""  # the pointer with a star for every name the user gave
    absent: bool = False  # nothing stands here, and that has been said

    def add_fault(self, detail: str, *, gist: str | None = None) -> None:
        """Note what is wrong here; `gist` says it without the document's words where `detail` quotes them.

        :raises EnoughError: when as many faults are noted as are told.
        """
        if self.absent:
            return
        found = Fault(self.pointer, detail, self.outline, gist)
        if found not in self.reading.faults:
            self.reading.faults.append(found)
        if len(self.reading.faults) == FAULTS_MAX:
            raise EnoughError

    def child(self, key: str | int, value: Any, *, known: bool = True) -> DocumentNode:
        """Return a node below this one, under a member's name that the language knows or under any other."""
        segment = _escaped(key)
        return replace(
            self,
            value=value,
            pointer=f"{self.pointer}/{segment}",
            place=f"{self.place}/{segment}",
            outline=f"{self.outline}/{segment if known else '*'}",
        )

    def under_name(self, name: str, value: Any) -> DocumentNode:
        """Return the node below a name that the user gave: it is part of the pointer, not of the place."""
        return replace(
            self,
            value=value,
            pointer=f"{self.pointer}/{_escaped(name)}",
            outline=f"{self.outline}/*",
        )

    def globals(self) -> frozenset[str]:
        """Return the variables that expressions see everywhere in the document."""
        return ARGUMENTS | ({SECRETS} if self.use.get(SECRETS) else set())

    def with_variables(self, *names: str) -> DocumentNode:
        """Return this node with more variables in reach of its expressions."""
        return replace(self, variables=self.variables | set(names))

    def members(self) -> dict[str, Any]:
        """Return the object that stands here; anything else is a fault."""
        if isinstance(self.value, dict):
            return self.value
        self.add_fault(f"must be an object, not {type_name(self.value)}")
        return {}

    def items(self) -> Iterator[DocumentNode]:
        """Return the nodes of the array that stands here; anything else is a fault."""
        if not isinstance(self.value, list):
            self.add_fault(f"must be an array, not {type_name(self.value)}")
            return
        for index, item in enumerate(self.value):
            yield self.child(index, item)

    def has(self, key: str) -> bool:
        """Tell whether the object here has the member."""
        return key in self.value if isinstance(self.value, dict) else False

    def get(self, key: str) -> DocumentNode | None:
        """Return the member, or None."""
        return self.child(key, self.value[key]) if self.has(key) else None

    def require(self, key: str) -> DocumentNode:
        """Return the member; a missing one is a fault, the only one there and below it, and reads as null."""
        found = self.get(key)
        if found is not None:
            return found
        if isinstance(self.value, dict):
            self.add_fault(f"{key} is missing")
        return replace(self.child(key, None), absent=self.absent or isinstance(self.value, dict))

    def allow_only(self, *known: str) -> DocumentNode:
        """Refuse every member that is not known, naming the nearest that is."""
        for key in self.members():
            if key not in known:
                self.child(key, None, known=False).add_fault(
                    f"unknown property{self.reading.nearest(key, known)}"
                )
        return self

    def one_member(
        self, *kinds: str, beside: Sequence[str] = ()
    ) -> tuple[str, DocumentNode] | None:
        """Return the one member of an object whose key says which kind it is, and that key.

        :return: None, and a fault, when none or several of the kinds are there; `beside` may be there too.
        """
        found = [key for key in self.allow_only(*kinds, *beside).members() if key in kinds]
        if len(found) == 1:
            return found[0], self.child(found[0], self.members()[found[0]])
        if isinstance(self.value, dict):
            also = f"; {' and '.join(found)} are here" if found else ""
            self.add_fault(f"must have exactly one of {', '.join(kinds)}{also}")
        return None

    def component(self, group: str) -> DocumentNode | None:
        """Return the reusable component whose name stands here; a name nothing has is a fault."""
        known = self.use.get(group)
        if (
            not isinstance(known, dict)
            or not isinstance(self.value, str)
            or self.value not in known
        ):
            self.add_unknown_name_fault(group)
            return None
        if not isinstance(known[self.value], dict):  # a name of a name could go round in circles
            self.add_fault(f"what has this name in use.{group} must be an object")
            return None
        there = replace(
            self, pointer=f"/use/{group}", outline=f"/use/{group}", variables=self.globals()
        )
        return there.child(str(self.value), known[self.value], known=False)

    def add_unknown_name_fault(self, group: str) -> None:
        """Note that `use` has nothing of the name that stands here, and which name is the nearest."""
        known, said = self.use.get(group), f"use.{group} has no such name"
        names = known if isinstance(known, (dict, list)) else ()
        self.add_fault(said + self.reading.nearest(self.value, names), gist=said)

    def text(self) -> str:
        """Return the non-empty string that stands here."""
        if isinstance(self.value, str) and self.value:
            return self.value
        if self.value is not None:
            what = "an empty one" if self.value == "" else type_name(self.value)
            self.add_fault(f"must be a non-empty string, not {what}")
        return ""

    def one_of(self, *allowed: str) -> str:
        """Return the string that stands here, one of those allowed."""
        if self.value not in allowed:
            self.add_fault(
                f"must be one of {', '.join(allowed)}{self.reading.nearest(self.value, allowed)}"
            )
            return allowed[0]
        return str(self.value)

    def program(self) -> Program:
        """Return the expression that stands here, bare or as `${ … }`."""
        return self._accepted(program(self.text() or "null"))

    def template(self) -> Any:
        """Return the value that stands here with its `${ … }` strings prepared."""
        self._check_within()
        return prepare(self.value)

    def template_or_program(self) -> Any:
        """Return an object's template, or the expression a string is."""
        return self.program() if isinstance(self.value, str) else self.template()

    def duration(self) -> float | Program:
        """Return the duration that stands here in seconds, or the expression that gives one."""
        if isinstance(self.value, str) and unwrapped(self.value) is not None:
            self.template()
            return program(self.value)
        try:
            return durations.seconds(self.value)
        except ValueError as error:
            self.add_fault(str(error))
            return 0.0

    def _check_within(self) -> None:
        if isinstance(self.value, str) and unwrapped(self.value) is not None:
            self._accepted(program(self.value))
        elif isinstance(self.value, dict):
            for key, member in self.value.items():
                self.child(key, member, known=False)._check_within()  # noqa: SLF001 - the same class
        elif isinstance(self.value, list):
            for index, item in enumerate(self.value):
                if isinstance(item, str | dict | list):  # nothing else holds an expression
                    self.child(index, item)._check_within()  # noqa: SLF001 - the same class

    def _accepted(self, found: Program) -> Program:
        if len(found.text) > PROGRAM_CHARACTERS_MAX:
            self.add_fault(f"an expression may have at most {PROGRAM_CHARACTERS_MAX} characters")
            return found
        for name in _unlisted(found.text, self.use.get(SECRETS)):
            replace(self, value=name).add_unknown_name_fault(SECRETS)
        if self.reading.compiles:
            why = refusal(found, self.variables)
            if why is not None:
                self.add_fault(why, gist="this expression is not accepted")
        return found


def _unlisted(text: str, listed: Any) -> list[str]:
    """Return the names of secrets that an expression asks for by name, but the definition does not list."""
    asked = [one or other for one, other in _SECRET.findall(text)]
    return [name for name in asked if not isinstance(listed, list) or name not in listed]


def type_name(value: Any) -> str:
    """Return what kind of value this is, and nothing of the value."""
    names = {
        dict: "an object",
        list: "an array",
        str: "text",
        bool: "a boolean",
        type(None): "null",
    }
    return names.get(type(value), "a number")


def _escaped(segment: str | int) -> str:
    """Return a reference token of a JSON pointer (RFC 6901 section 3)."""
    return str(segment).replace("~", "~0").replace("/", "~1")
