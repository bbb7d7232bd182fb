"""Constructs of tasks, and the members that every task may have."""

from __future__ import annotations

from bin.devtools.docs.support_table.construct import (
    STEP,
    Construct,
    document_with,
    set_document,
    task_document,
)

_ERROR = {"error": {"type": "https://example.org/errors/none-left", "status": 409}}
_FAILING_TASKS = [{"fail": {"raise": _ERROR}}]
_EVENT = {"with": {"type": "org.example.arrived"}}
_PROCESS: dict[str, dict[str, object]] = {
    "container": {"image": "example"},
    "script": {"language": "js", "code": "1"},
    "shell": {"command": "true"},
    "workflow": {"namespace": "language", "name": "other", "version": "1.0.0"},
}

# Of the processes, only workflows are supported.
_RUNS = (
    "another workflow of the account without faults, as a child execution, awaited or not; without"
    " a version, the version saved last; up to 8 deep; its output and its error are the step's"
)

STEPS = [
    Construct(
        "Steps", "set", set_document(), "an object with expressions in it, or one expression"
    ),
    Construct("Steps", "do", task_document(do=[STEP]), "steps in declared order"),
    Construct(
        "Steps",
        "for",
        task_document(
            **{"for": {"each": "x", "in": ".all", "at": "i"}, "while": ". != null", "do": [STEP]}
        ),
        "each, at, while, and in as an expression or an array; each round gets the output of the"
        " round before",
    ),
    Construct(
        "Steps",
        "switch",
        task_document(
            switch=[{"case": {"when": ".a", "then": "end"}}, {"default": {"then": "continue"}}]
        ),
        "the first case that holds; the case without when is the default, in any position",
    ),
    Construct(
        "Steps",
        "fork",
        task_document(fork={"branches": [STEP]}),
        "concurrent branches; the first error ends the fork",
    ),
    Construct(
        "Steps",
        "fork.compete",
        task_document(fork={"compete": True, "branches": [STEP]}),
        "the first success wins, and the others are cancelled",
    ),
    Construct(
        "Steps",
        "raise",
        task_document(**{"raise": _ERROR}),
        "an error inline or by name, with expressions",
    ),
    Construct(
        "Steps",
        "try",
        task_document(
            **{"try": _FAILING_TASKS, "catch": {"errors": {"with": {"status": 409}}, "do": [STEP]}}
        ),
        "filters on every member, as, when, exceptWhen, do, then; error types match under every"
        " host and path",
    ),
    Construct(
        "Steps",
        "try.catch.retry",
        task_document(
            **{
                "try": _FAILING_TASKS,
                "catch": {
                    "retry": {
                        "delay": "PT1S",
                        "backoff": {"exponential": {}},
                        "jitter": {"from": "PT0S", "to": "PT1S"},
                        "limit": {"attempt": {"count": 2, "duration": "PT5S"}, "duration": "PT1M"},
                    }
                },
            }
        ),
        "constant, linear and exponential backoff, jitter, limits; the count is the number of"
        " retries",
    ),
    Construct(
        "Steps",
        "wait",
        task_document(wait="PT1S"),
        "ISO 8601, an object of units, or an expression",
    ),
    Construct(
        "Steps",
        "emit",
        task_document(emit={"event": _EVENT}),
        "a CloudEvent 1.0.2; missing attributes have defaults",
    ),
    Construct(
        "Steps",
        "listen",
        task_document(listen={"to": {"one": _EVENT}}),
        "read as data, envelope or raw",
    ),
    *(
        Construct("Runs", kind, task_document(run={kind: process}), _RUNS)
        for kind, process in _PROCESS.items()
    ),
    Construct(
        "Listening", "one", task_document(listen={"to": {"one": _EVENT}}), "one event that matches"
    ),
    Construct(
        "Listening", "any", task_document(listen={"to": {"any": [_EVENT]}}), "the first of several"
    ),
    Construct("Listening", "all", task_document(listen={"to": {"all": [_EVENT]}}), "one of each"),
    Construct(
        "Listening",
        "until: condition",
        task_document(listen={"to": {"any": [_EVENT], "until": "length > 2"}}),
        "events until a condition holds",
    ),
    Construct(
        "Listening",
        "until: event",
        task_document(listen={"to": {"any": [_EVENT], "until": {"one": _EVENT}}}),
        "events until another event",
    ),
    Construct(
        "Listening",
        "correlate",
        task_document(
            listen={
                "to": {"one": {**_EVENT, "correlate": {"order": {"from": ".order", "expect": "7"}}}}
            }
        ),
        "values that several events must share, or one that they must have",
    ),
    Construct(
        "Listening",
        "foreach",
        task_document(listen={"to": {"any": [_EVENT], "until": "false"}}, foreach={"do": [STEP]}),
        "steps for each event on its arrival",
    ),
]

AROUND = [
    Construct(
        "Around a step",
        "if",
        set_document(**{"if": ".a > 1"}),
        "a condition that does not hold leaves the data unchanged",
    ),
    Construct(
        "Around a step",
        "input",
        set_document(input={"schema": {"document": {"type": "object"}}, "from": ".a"}),
        "a JSON Schema (2020-12) of the raw value, then a transformation",
    ),
    Construct(
        "Around a step",
        "output",
        set_document(output={"as": ".a", "schema": {"document": {"type": "number"}}}),
        "a transformation, then a schema of its result",
    ),
    Construct(
        "Around a step",
        "export",
        set_document(export={"as": "$context + ."}),
        "the value of $context from there on",
    ),
    Construct(
        "Around a step",
        "schema.resource",
        set_document(
            input={"schema": {"resource": {"endpoint": "https://example.org/schema.json"}}}
        ),
        "at an address, as JSON or YAML; fetched once in an execution; references inside it",
    ),
    Construct(
        "Around a step", "timeout", set_document(timeout={"after": "PT1S"}), "inline or by name"
    ),
    Construct(
        "Around a step", "metadata", set_document(metadata={"a": 1}), "kept, and without effect"
    ),
    *(
        Construct(
            "Directives",
            then,
            document_with(do=[{"step": {"set": {"a": 1}, "then": then}}]),
            covers,
        )
        for then, covers in (
            ("continue", "the next step of the list"),
            ("exit", "leaves the list it stands in"),
            ("end", "ends the workflow, past every surrounding step"),
        )
    ),
    Construct(
        "Directives",
        "a step's name",
        set_document(then="step"),
        "any step of the same list, backwards too",
    ),
]
