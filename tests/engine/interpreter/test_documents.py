from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import EngineError, InvalidError
from engine.interpreter import documents
from tests.support.interpreter.executions import HEADER

pytestmark = pytest.mark.unit


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)
STEP = {"s": {"set": {"a": 1}}}


def document(*steps: dict[str, Any], **top: Any) -> dict[str, Any]:
    return {"document": HEADER, "do": list(steps) or [STEP], **top}


def refusals(checked: Any) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.detail) for fault in documents.check(checked)]


def is_refused(checked: Any, pointer: str, detail: str) -> bool:
    return any(found == pointer and detail in said for found, said in refusals(checked))


@pytest.mark.parametrize(
    ("step", "pointer", "detail"),
    [
        ({"s": {"sett": {"a": 1}}}, "/do/0/s/sett", "unknown property; did you mean set?"),
        (
            {"s": {"set": {"a": 1}, "thn": "end"}},
            "/do/0/s/thn",
            "unknown property; did you mean then?",
        ),
        ({"s": {"set": {}}}, "/do/0/s/set", "must be an object with members, or an expression"),
        (
            {"s": {"set": {"a": 1}, "then": "nowhere"}},
            "/do/0/s/then",
            "leads to no step of the same list",
        ),
        ({"s": {"set": {"a": "${ .[ }"}}}, "/do/0/s/set/a", "syntax error"),
        ({"s": {"set": {"a": "${ $nosuch }"}}}, "/do/0/s/set/a", "$nosuch is not defined"),
        ({"s": {"set": {"a": "${ env }"}}}, "/do/0/s/set/a", "env is not available in expressions"),
        (
            {"s": {"set": {"a": "${ $ENV.HOME }"}}},
            "/do/0/s/set/a",
            "$ENV is not available in expressions",
        ),
        (
            {"s": {"listen": {"to": {}}}},
            "/do/0/s/listen/to",
            "must have exactly one of one, any, all",
        ),
        ({"s": {"run": {"script": {}}}}, "/do/0/s/run/script", "a script is not run here: workers"),
        (
            {"s": {"run": {"scrip": {}}}},
            "/do/0/s/run/scrip",
            "unknown property; did you mean script?",
        ),
        (
            {"s": {"run": {}}},
            "/do/0/s/run",
            "must have exactly one of container, script, shell, workflow",
        ),
        ({"s": {"run": {"shell": {}, "script": {}}}}, "/do/0/s/run", "shell and script are here"),
        ({"s": {"call": "grpc", "with": {}}}, "/do/0/s/with", "proto is missing"),
        ({"s": {"call": "htpp", "with": {}}}, "/do/0/s/call", "did you mean http?"),
        ({"s": {"set": {"a": 1}, "wait": "PT1S"}}, "/do/0/s/wait", "this one already has set"),
        ({"s": {"nothing": 1}}, "/do/0/s", "needs one of set, switch"),
        ({"s": {"set": {"a": 1}, "then": "edn"}}, "/do/0/s/then", "did you mean end?"),
        ({"s": {"do": "twice"}}, "/do/0/s/do", "must be an array, not text"),
        (
            {"s": {"wait": "PT1S", "timeout": {"after": ""}, "then": ""}},
            "/do/0/s/then",
            "not an empty one",
        ),
        ({"s": {"call": "mine"}}, "/do/0/s/call", "use.functions has no such name"),
        ({"s": {"call": "http", "with": {"method": "get"}}}, "/do/0/s/with", "endpoint is missing"),
        (
            {"s": {"call": "http", "with": {"method": "brew", "endpoint": "http://a"}}},
            "/do/0/s/with/method",
            "must be one of GET",
        ),
        ({"s": {"wait": "5 minutes"}}, "/do/0/s/wait", "must be an ISO 8601 duration"),
        ({"s": {"wait": {"seconds": -1}}}, "/do/0/s/wait", "must count whole units"),
        (
            {"s": {"raise": {"error": "unheard"}}},
            "/do/0/s/raise/error",
            "use.errors has no such name",
        ),
        (
            {"s": {"raise": {"error": {"type": "urn:x"}}}},
            "/do/0/s/raise/error",
            "status is missing",
        ),
        ({"s": {"switch": []}}, "/do/0/s/switch", "must have at least one case"),
        (
            {"s": {"switch": [{"c": {"then": "nowhere"}}]}},
            "/do/0/s/switch/0/c/then",
            "leads to no step",
        ),
        (
            {"s": {"for": {"in": ".", "each": "input"}, "do": [STEP]}},
            "/do/0/s/for/each",
            "$input already means something else",
        ),
        (
            {"s": {"for": {"in": ".", "each": "a b"}, "do": [STEP]}},
            "/do/0/s/for/each",
            "must be letters",
        ),
        (
            {"s": {"for": {"in": ".", "at": "__given"}, "do": [STEP]}},
            "/do/0/s/for/at",
            "no name of jq",
        ),
        ({"s": {"do": []}}, "/do/0/s/do", "must have at least one step"),
        (
            {"s": {"do": [{"a/b": {"set": 5}}]}},
            "/do/0/s/do/0/a~1b/set",
            "must be an object with members",
        ),
        (
            {"s": {"try": [STEP], "catch": {"retry": "often"}}},
            "/do/0/s/catch/retry",
            "use.retries has no such name",
        ),
        (
            {"s": {"set": {"a": 1}, "input": {"schema": {"document": {"type": "strin"}}}}},
            "/do/0/s/input/schema/document",
            "is no JSON Schema",
        ),
        ({"s": {"set": {"a": 1}}, "t": {}}, "/do/0", "must have exactly one member"),
        ({"s": 5}, "/do/0/s", "must be an object"),
    ],
)
def test_what_cannot_run_is_refused_where_it_stands(step: Any, pointer: str, detail: str) -> None:
    assert is_refused(document(step), pointer, detail), refusals(document(step))


@pytest.mark.parametrize(
    ("checked", "pointer", "detail"),
    [
        ({}, "", "document is missing"),
        ([], "", "must be an object"),
        (document(extra=1), "/extra", "unknown property"),
        (
            document(schedule={"cron": "* * * *"}),
            "/schedule/cron",
            "is no cron expression: wrong number of fields",
        ),
        (document(use={"secrets": ["a b"]}), "/use/secrets/0", "must be letters"),
        (document(evaluate={"language": "js"}), "/evaluate/language", "must be one of jq"),
        (
            {"document": {**HEADER, "dsl": "2.0.0"}, "do": [STEP]},
            "/document/dsl",
            "only versions 1.0.x",
        ),
        (
            {"document": {**HEADER, "name": "a b"}, "do": [STEP]},
            "/document/name",
            "must be letters",
        ),
        ({"document": HEADER, "do": STEP}, "/do", "must be an array"),
    ],
)
def test_a_document_is_refused_as_a_whole_where_it_is_none(
    checked: Any, pointer: str, detail: str
) -> None:
    assert is_refused(checked, pointer, detail), refusals(checked)


def test_every_refusal_is_told_at_once() -> None:
    faults = refusals(document({"a": {"listen": {}}}, {"b": {"wait": "x"}}, extra=1))
    assert {pointer for pointer, _ in faults} == {
        "/do/0/a/listen",
        "/do/1/b/wait",
        "/extra",
    }


def test_one_slip_is_one_fault() -> None:
    assert refusals(document({"a": {"swich": []}})) == [
        ("/do/0/a/swich", "unknown property; did you mean switch?")
    ]


@pytest.mark.parametrize(
    "step",
    [
        {"canary": {"canary": 1}},
        {"canary": {"set": {"a": 1}, "then": "canarz"}},
        {"canary": {"raise": {"error": "canary"}}},
        {"canary": {"call": "canary"}},
        {"canary": {"set": {"a": "${ canary( }"}}},
        {"canary": {"call": "http", "with": {"method": "canary", "endpoint": "http://a"}}},
        {"canary": {"wait": "canary"}},
        {"canary": {"try": [STEP], "catch": {"as": "1canary", "retry": "canarz"}}},
        {"canary": {"set": {"a": 1}, "input": {"schema": {"document": {"type": "canary"}}}}},
        {"canary": {"switch": [{"canary": {"then": "canary2"}}]}},
    ],
)
def test_what_others_see_of_a_refusal_has_none_of_the_documents_words(step: Any) -> None:
    use = {"errors": {"canarya": {}}, "retries": {"canaryb": {"dely": 1}}}
    faults = documents.check(document(step, {"canaryc": {"set": {"a": 1}}}, use=use))
    assert faults
    assert "canar" not in str([fault.redact() for fault in faults])


def test_parse_refuses_what_check_refuses() -> None:
    with pytest.raises(InvalidError) as refused:
        documents.parse(document({"s": {"listen": {}}}))
    assert refused.value.code == "definition_invalid"


def test_more_steps_than_allowed_are_refused() -> None:
    steps = [{f"s{number}": {"set": {"a": 1}}} for number in range(2_001)]
    assert refusals(document(*steps)) == [
        ("/do/2000/s2000", "a definition may have at most 2000 steps (definitionSteps)")
    ]


@pytest.mark.parametrize(
    ("text", "content_type", "expected"),
    [
        ('{"a": [1, 1.5, null, "on"]}', None, {"a": [1, 1.5, None, "on"]}),
        ("on: yes\noff: 0o17\n", None, {"on": "yes", "off": 15}),
        ("a: &x [1]\nb: *x\n", "application/yaml", {"a": [1], "b": [1]}),
        ("when: 2024-01-01\n", "application/yaml", {"when": "2024-01-01"}),
        ("{a: 1}", "application/yaml", {"a": 1}),
    ],
)
def test_json_and_yaml_are_read(text: str, content_type: str | None, expected: Any) -> None:
    assert documents.read(text, content_type) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        '{"a"',
        "a: 1\na: 2\n",
        "a: [",
        "a: !!python/object/apply:os.system [ls]\n",
        "a: .nan\n",
        "{" * 5,
        "[" * 100_000,
        '{"a":' * 100_000,
        "- " * 5_000,
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n"
            for n in range(9)
        ),
        "a: &a [*a]\n",
        "? {a: 1}\n: 2\n",
        "a: 1\n---\nb: 2\n",
        "\x00",
        json.dumps({"a": "x" * 1_048_577}),
    ],
)
def test_what_is_ambiguous_or_hostile_is_unreadable(text: str) -> None:
    with pytest.raises(EngineError) as refused:
        documents.read(text)
    assert refused.value.code in {"definition_unreadable", "definition_too_large"}


def test_of_what_is_missing_nothing_more_is_said() -> None:
    step = {"s": {"call": "grpc", "with": {}}}
    said = [("/do/0/s/with", f"{name} is missing") for name in ("proto", "service", "method")]
    assert refusals(document(step)) == said
    step["s"]["with"] = {"proto": "file.proto", "service": None, "method": "Say"}
    assert sorted(refusals(document(step))) == [
        ("/do/0/s/with/proto", "must be an object, not text"),
        ("/do/0/s/with/proto/endpoint", "must be an object, not null"),
        ("/do/0/s/with/service", "must be an object, not null"),
    ]
