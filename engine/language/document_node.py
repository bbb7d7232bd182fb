"""Reader of documents: their nodes, JSON pointers, and all faults in them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from engine.errors import Fault
from engine.expressions.jq import Program, find_fault, parse_program, unwrap
from engine.expressions.templates import prepare
from engine.language import durations
from engine.language.model import Task

TASKS_MAX = 2_000
FAULTS_MAX = 50
COMPARISONS_MAX = 3_000  # of words, in one document, to suggest the nearest
WORD_CHARACTERS_MAX = 64  # of such a word: a comparison takes time by its square
PROGRAM_CHARACTERS_MAX = 16_384
VARIABLES = frozenset(
    {"context", "input", "output", "task", "workflow", "runtime", "authorization"}
)
_SECRET = re.compile(r'\$secrets(?:\.([A-Za-z_]\w*)|\.?\[\s*"([^"\\]+)"\s*\])', re.ASCII)
SECRETS = "secrets"  # a variable only where the definition lists some


class EnoughError(Exception):
    """Signal that ends the reading of a document that has enough faults; no error."""


@dataclass(slots=True)
class DocumentReading:
    """State of the reading of one document, which all its nodes share."""

    compiles: bool  # whether programs are compiled too: needed once, when a definition is saved
    read_task: Callable[[str, DocumentNode], Task]
    faults: list[Fault] = field(default_factory=list)
    tasks: int = 0
    nesting: int = 0  # tasks around the current one
    comparisons: int = 0
    functions: dict[str, Task] = field(default_factory=dict)  # of `use`, after their reading
    open_functions: list[str] = field(default_factory=list)  # whose reading has not ended
    extensions: list[Any] | None = None  # of `use`, after their reading

    def nearest(self, word: Any, names: Iterable[str]) -> str:
        """Return a suggestion of the nearest known word, to end a sentence; or empty text."""
        if len(str(word)) > WORD_CHARACTERS_MAX:
            return ""
        candidates = [str(name) for name in islice(names, COMPARISONS_MAX - self.comparisons)]
        self.comparisons += len(candidates)
        matches = difflib.get_close_matches(
            str(word), [name for name in candidates if len(name) <= WORD_CHARACTERS_MAX], 1
        )
        return f"; did you mean {matches[0]}?" if matches else ""


@dataclass(frozen=True, slots=True)
class DocumentNode:
    """Node of a document: a value, its pointer, and the variables and components in its scope."""

    value: Any
    pointer: str
    reading: DocumentReading
    read_tasks: Callable[[DocumentNode], Sequence[Task]]
    variables: frozenset[str] = VARIABLES
    use: dict[str, Any] = field(default_factory=dict)  # the document's reusable components
    place: str = ""  # the pointer without the names of tasks
    outline: str = ""  # the pointer with a star for every name that the user chose
    absent: bool = False  # the document has no such node, and has a fault for that

    def add_fault(self, detail: str, *, gist: str | None = None) -> None:
        """Add a fault of this node.

        :param gist: the detail without the words of the document, when `detail` quotes them.
        :raises EnoughError: when there are FAULTS_MAX faults.
        """
        if self.absent:
            return
        fault = Fault(self.pointer, detail, self.outline, gist)
        if fault not in self.reading.faults:
            self.reading.faults.append(fault)
        if len(self.reading.faults) == FAULTS_MAX:
            raise EnoughError

    def child(self, key: str | int, value: Any, *, is_known: bool = True) -> DocumentNode:
        """Return a node inside this one; `is_known` when the language defines the member's name."""
        segment = _escape(key)
        return replace(
            self,
            value=value,
            pointer=f"{self.pointer}/{segment}",
            place=f"{self.place}/{segment}",
            outline=f"{self.outline}/{segment if is_known else '*'}",
        )

    def under_name(self, name: str, value: Any) -> DocumentNode:
        """Return the node under a name of the user: the pointer has it, the place does not."""
        return replace(
            self,
            value=value,
            pointer=f"{self.pointer}/{_escape(name)}",
            outline=f"{self.outline}/*",
        )

    def global_variables(self) -> frozenset[str]:
        """Return the variables of expressions everywhere in the document."""
        return VARIABLES | ({SECRETS} if self.use.get(SECRETS) else set())

    def with_variables(self, *names: str) -> DocumentNode:
        """Return this node with more variables for its expressions."""
        return replace(self, variables=self.variables | set(names))

    def members(self) -> dict[str, Any]:
        """Return the value if it is an object; any other value is a fault."""
        if isinstance(self.value, dict):
            return self.value
        self.add_fault(f"must be an object, not {type_name(self.value)}")
        return {}

    def items(self) -> Iterator[DocumentNode]:
        """Yield the nodes of the items if the value is an array; any other value is a fault."""
        if not isinstance(self.value, list):
            self.add_fault(f"must be an array, not {type_name(self.value)}")
            return
        for index, item in enumerate(self.value):
            yield self.child(index, item)

    def has(self, key: str) -> bool:
        """Return whether the value is an object with this member."""
        return key in self.value if isinstance(self.value, dict) else False

    def get(self, key: str) -> DocumentNode | None:
        """Return the node of a member, or None."""
        return self.child(key, self.value[key]) if self.has(key) else None

    def require(self, key: str) -> DocumentNode:
        """Return the node of a member.

        A missing member is a fault, the only one there and inside it; its value is null.
        """
        member = self.get(key)
        if member is not None:
            return member
        if isinstance(self.value, dict):
            self.add_fault(f"{key} is missing")
        return replace(self.child(key, None), absent=self.absent or isinstance(self.value, dict))

    def allow_only(self, *names: str) -> DocumentNode:
        """Add a fault for each member that is not known, with the nearest one that is."""
        for key in self.members():
            if key not in names:
                self.child(key, None, is_known=False).add_fault(
                    f"unknown property{self.reading.nearest(key, names)}"
                )
        return self

    def one_member(
        self, *kinds: str, beside: Sequence[str] = ()
    ) -> tuple[str, DocumentNode] | None:
        """Return the key and the node of the one member whose key is a kind.

        :param beside: members that the object may have besides.
        :return: None, after a fault, when the object has none or several of the kinds.
        """
        keys = [key for key in self.allow_only(*kinds, *beside).members() if key in kinds]
        if len(keys) == 1:
            return keys[0], self.child(keys[0], self.members()[keys[0]])
        if isinstance(self.value, dict):
            also = f"; {' and '.join(keys)} are here" if keys else ""
            self.add_fault(f"must have exactly one of {', '.join(kinds)}{also}")
        return None

    def component(self, group: str) -> DocumentNode | None:
        """Return the reusable component that the value names; an unknown name is a fault."""
        group_members = self.use.get(group)
        if (
            not isinstance(group_members, dict)
            or not isinstance(self.value, str)
            or self.value not in group_members
        ):
            self.add_unknown_name_fault(group)
            return None
        if not isinstance(group_members[self.value], dict):  # a name of a name could be circular
            self.add_fault(f"what has this name in use.{group} must be an object")
            return None
        components = replace(
            self,
            pointer=f"/use/{group}",
            outline=f"/use/{group}",
            variables=self.global_variables(),
        )
        return components.child(str(self.value), group_members[self.value], is_known=False)

    def add_unknown_name_fault(self, group: str) -> None:
        """Add the fault that `use` has no component of this name, with the nearest name."""
        group_members, gist = self.use.get(group), f"use.{group} has no such name"
        names = group_members if isinstance(group_members, (dict, list)) else ()
        self.add_fault(gist + self.reading.nearest(self.value, names), gist=gist)

    def text(self) -> str:
        """Return the value if it is a non-empty string; else empty text, after a fault."""
        if isinstance(self.value, str) and self.value:
            return self.value
        if self.value is not None:
            actual = "an empty one" if self.value == "" else type_name(self.value)
            self.add_fault(f"must be a non-empty string, not {actual}")
        return ""

    def one_of(self, *options: str) -> str:
        """Return the value if it is one of the options; else the first, after a fault."""
        if self.value not in options:
            self.add_fault(
                f"must be one of {', '.join(options)}{self.reading.nearest(self.value, options)}"
            )
            return options[0]
        return str(self.value)

    def program(self) -> Program:
        """Return the expression in the value, bare or as `${ … }`."""
        return self._check_program(parse_program(self.text() or "null"))

    def template(self) -> Any:
        """Return the template of the value, whose `${ … }` strings are expressions."""
        self._check_template()
        return prepare(self.value)

    def template_or_program(self) -> Any:
        """Return the expression if the value is a string, else the template of the value."""
        return self.program() if isinstance(self.value, str) else self.template()

    def duration(self) -> float | Program:
        """Return the duration in seconds, or the expression of a duration."""
        if isinstance(self.value, str) and unwrap(self.value) is not None:
            self.template()
            return parse_program(self.value)
        try:
            return durations.to_seconds(self.value)
        except ValueError as error:
            self.add_fault(str(error))
            return 0.0

    def _check_template(self) -> None:
        if isinstance(self.value, str) and unwrap(self.value) is not None:
            self._check_program(parse_program(self.value))
        elif isinstance(self.value, dict):
            for key, member in self.value.items():
                self.child(key, member, is_known=False)._check_template()  # noqa: SLF001 - the same class
        elif isinstance(self.value, list):
            for index, item in enumerate(self.value):
                if isinstance(item, str | dict | list):  # nothing else holds an expression
                    self.child(index, item)._check_template()  # noqa: SLF001 - the same class

    def _check_program(self, program: Program) -> Program:
        if len(program.text) > PROGRAM_CHARACTERS_MAX:
            self.add_fault(f"an expression may have at most {PROGRAM_CHARACTERS_MAX} characters")
            return program
        for name in _unlisted_secrets(program.text, self.use.get(SECRETS)):
            replace(self, value=name).add_unknown_name_fault(SECRETS)
        if self.reading.compiles:
            fault = find_fault(program, self.variables)
            if fault is not None:
                self.add_fault(fault, gist="this expression is not accepted")
        return program


def _unlisted_secrets(text: str, secrets: Any) -> list[str]:
    """Return the names of the secrets that an expression uses and the definition does not list."""
    names = [member or key for member, key in _SECRET.findall(text)]
    return [name for name in names if not isinstance(secrets, list) or name not in secrets]


def type_name(value: Any) -> str:
    """Return the JSON type of a value, with an article."""
    names = {
        dict: "an object",
        list: "an array",
        str: "text",
        bool: "a boolean",
        type(None): "null",
    }
    return names.get(type(value), "a number")


def _escape(segment: str | int) -> str:
    """Return a reference token of a JSON pointer (RFC 6901 section 3)."""
    return str(segment).replace("~", "~0").replace("/", "~1")
