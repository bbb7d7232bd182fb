from typing import Any

import pytest

from bin.devtools.conformance.in_memory_events import complete
from engine.interpreter import documents
from engine.interpreter.constructs import event_types
from engine.language import cloud_events
from engine.language.cloud_events import ANY_TYPE
from tests.support.interpreter.executions import HEADER, Execute
from tests.support.interpreter.replays import replay

TICK = {"with": {"type": "tick"}}
FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"listen": {}}, "/listen", "to is missing"),
    ({"listen": {"to": {}}}, "/listen/to", "must have exactly one of one, any, all"),
    ({"listen": {"to": {"one": TICK, "all": [TICK]}}}, "/listen/to", "must have exactly one of"),
    (
        {"listen": {"to": {"one": TICK, "until": ". == 1"}}},
        "/listen/to/until",
        "only any can have an until",
    ),
    (
        {"listen": {"to": {"any": [], "until": {"any": [], "until": ".a"}}}},
        "/listen/to/until/until",
        "unknown property",
    ),
    ({"listen": {"to": {"any": TICK}}}, "/listen/to/any", "must be an array"),
    ({"listen": {"to": {"one": {}}}}, "/listen/to/one", "with is missing"),
    (
        {"listen": {"to": {"one": {"with": {}}}}},
        "/listen/to/one/with",
        "must have at least one property",
    ),
    (
        {"listen": {"to": {"one": {"with": {"time": "noon"}}}}},
        "/listen/to/one/with/time",
        "must be an RFC 3339 time",
    ),
    (
        {"listen": {"to": {"one": {"with": {"type": {}}}}}},
        "/listen/to/one/with/type",
        "must be text",
    ),
    (
        {"listen": {"to": {"one": {"with": {"data": "${ . | }"}}}}},
        "/listen/to/one/with/data",
        "syntax error",
    ),
    (
        {"listen": {"to": {"one": TICK | {"correlate": {"a": {}}}}}},
        "/listen/to/one/correlate/a",
        "from is missing",
    ),
    ({"listen": {"to": {"one": TICK | {"when": "x"}}}}, "/listen/to/one/when", "unknown property"),
    (
        {"listen": {"to": {"one": TICK}, "read": "body"}},
        "/listen/read",
        "must be one of data, envelope, raw",
    ),
    ({"listen": {"to": {"one": TICK}}, "foreach": {"as": "x"}}, "/foreach/as", "unknown property"),
    (
        {"listen": {"to": {"one": TICK}}, "foreach": {"item": "input"}},
        "/foreach/item",
        "already means",
    ),
    (
        {"listen": {"to": {"one": TICK}}, "foreach": {"do": []}},
        "/foreach/do",
        "must have at least one step",
    ),
    ({"emit": {"event": {"with": {"source": "/s"}}}}, "/emit/event/with", "type is missing"),
    (
        {"emit": {"event": {"with": {"type": "t", "Big": 1}}}},
        "/emit/event/with/Big",
        "is no attribute's name",
    ),
    (
        {"emit": {"event": {"with": {"type": "t", "big": {}}}}},
        "/emit/event/with/big",
        "must be text, a boolean",
    ),
    (
        {"emit": {"event": {"with": {"type": "t", "time": "noon"}}}},
        "/emit/event/with/time",
        "RFC 3339",
    ),
]


@pytest.mark.unit
@pytest.mark.parametrize(("step", "pointer", "detail"), FAULTS)
def test_what_cannot_be_listened_for_or_emitted_is_refused(
    step: dict[str, Any], pointer: str, detail: str
) -> None:
    faults = [
        (fault.pointer, fault.detail)
        for fault in documents.check({"document": HEADER, "do": [{"s": step}]})
    ]
    assert any(place == f"/do/0/s{pointer}" and detail in text for place, text in faults), faults


def listen(to: Any) -> dict[str, Any]:
    return {"do": [{"a": {"fork": {"branches": [{"b": {"listen": {"to": to}}}]}}}]}


@pytest.mark.unit
@pytest.mark.parametrize(
    ("to", "types"),
    [
        ({"one": TICK}, {"tick"}),
        ({"all": [TICK, {"with": {"type": "a.b.v1"}}]}, {"tick", "a.b.v1"}),
        ({"any": []}, {ANY_TYPE}),
        ({"any": [TICK], "until": {"one": {"with": {"type": "end"}}}}, {"tick", "end"}),
        ({"any": [TICK], "until": ".a"}, {"tick"}),
        ({"one": {"with": {"source": "/s"}}}, {ANY_TYPE}),
        ({"one": {"with": {"type": "a.*"}}}, {ANY_TYPE}),
        ({"one": {"with": {"type": "${ $context.kind }"}}}, {ANY_TYPE}),
    ],
)
def test_what_a_document_may_listen_for_is_read_off_it(to: Any, types: set[str]) -> None:
    assert event_types.of_tasks(listen(to)) == types


@pytest.mark.unit
def test_a_document_that_listens_for_nothing_hears_nothing() -> None:
    assert (
        event_types.of_tasks(
            {"do": [{"a": {"set": {"listen": "closely"}}}], "schedule": {"on": {"any": []}}}
        )
        == set()
    )


@pytest.mark.unit
@pytest.mark.parametrize(
    ("event", "data", "raw"),
    [
        ({"data": {"a": [1]}}, {"a": [1]}, '{"a":[1]}'),
        ({"data": "text"}, "text", "text"),
        ({}, None, "null"),
        ({"data_base64": "eyJhIjoxfQ=="}, {"a": 1}, "eyJhIjoxfQ=="),
        ({"data_base64": "aGk=", "datacontenttype": "text/plain; charset=utf-8"}, "hi", "aGk="),
        ({"data_base64": "AAE=", "datacontenttype": "image/png"}, "AAE=", "AAE="),
        ({"data_base64": "AAE=", "datacontenttype": "application/json"}, "AAE=", "AAE="),
    ],
)
def test_an_event_is_read_in_three_ways(event: dict[str, Any], data: Any, raw: str) -> None:
    event = complete({"type": "t"} | event)
    assert cloud_events.find_fault(event) is None
    assert (cloud_events.read(event, "data"), cloud_events.read(event, "raw")) == (data, raw)
    assert cloud_events.read(event, "envelope") == event


@pytest.mark.stack
async def test_a_history_of_listening_replays_the_same_way(execute: Execute) -> None:
    tick = {"emit": {"event": {"with": {"type": "tick", "data": {"n": "${ .n }"}}}}}
    correlating = TICK | {"correlate": {"n": {"from": ".data.n"}}}
    pause = {"do": [{"w": {"wait": "PT0.02S"}}]}
    deaf = {"listen": {"to": {"one": {"with": {"type": "x"}}}}, "timeout": {"after": "PT0.05S"}}
    steps = [
        {"first": tick},
        {"second": tick | {"input": {"from": "${ { n: 2 } }"}}},
        {"await": {"listen": {"to": {"any": [correlating], "until": ". != []"}}, "foreach": pause}},
        {"never": {"try": [{"ear": deaf}], "catch": {}}},
    ]
    execution = await execute(steps, {"n": 1})
    assert execution.settlement.error is None
    await replay(await execution.handle.fetch_history())


@pytest.mark.stack
async def test_a_flood_of_events_is_looked_at_in_pauses(execute: Execute) -> None:
    """Each look is an expression: all of them in one workflow task would break its budget."""
    look = {"with": {"type": "n", "data": '${ .n | tostring | test("^[0-9]+$") }'}}
    emit = {"emit": {"event": {"with": {"type": "n", "data": {"n": "${ $item }"}}}}}
    steps = [
        {"tell": {"for": {"in": "${ [range(300)] }"}, "do": [{"one": emit}]}},
        {"ear": {"listen": {"to": {"any": [look], "until": "(. | length) == 300"}}}},
        {"count": {"set": {"count": "${ length }"}}},
    ]
    execution = await execute(steps, {})
    assert execution.output == {"count": 300}


@pytest.mark.stack
async def test_an_event_that_comes_before_its_listen_waits(execute: Execute) -> None:
    steps = [
        {"tell": {"emit": {"event": {"with": {"type": "early", "data": 1}}}}},
        {"nap": {"wait": "PT0.1S"}},
        {"ear": {"listen": {"to": {"one": {"with": {"type": "early"}}}}}},
    ]
    assert (await execute(steps, {})).output == [1]
