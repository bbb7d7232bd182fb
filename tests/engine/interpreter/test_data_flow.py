from __future__ import annotations

from typing import Any

import pytest

from tests.support.interpreter.executions import Execute

pytestmark = pytest.mark.stack


ECHO: dict[str, Any] = {"set": "${ . }"}


async def test_input_from_shapes_what_the_step_works_on(execute: Execute) -> None:
    step = {**ECHO, "input": {"from": ".user"}, "output": {"as": "[., $input, $task.input]"}}
    execution = await execute([{"s": step}], {"user": 7})
    assert execution.output == [7, 7, {"user": 7}]


async def test_output_as_sees_the_raw_output_and_gives_the_next_input(execute: Execute) -> None:
    steps = [{"a": {"set": {"x": 1}, "output": {"as": {"y": "${ .x }"}}}}, {"b": ECHO}]
    assert (await execute(steps, {})).output == {"y": 1}


async def test_export_as_sets_the_context_for_later_steps(execute: Execute) -> None:
    steps = [
        {"a": {"set": {"x": 1}, "export": {"as": "$output + {seen: true}"}}},
        {"b": {"set": {"context": "${ $context }"}}},
    ]
    assert (await execute(steps, {})).output == {"context": {"x": 1, "seen": True}}


async def test_the_context_begins_as_the_transformed_workflow_input(execute: Execute) -> None:
    execution = await execute(
        [{"a": {"set": {"c": "${ $context }"}}}], {"a": {"b": 1}}, input={"from": ".a"}
    )
    assert execution.output == {"c": {"b": 1}}


async def test_the_workflows_own_output_is_shaped_last(execute: Execute) -> None:
    execution = await execute(
        [{"a": {"set": {"x": [1, 2]}}}], {}, output={"as": "${ .x | length }"}
    )
    assert execution.output == 2


async def test_expressions_see_the_workflow_the_task_and_the_runtime(execute: Execute) -> None:
    shown = {
        "name": "${ $workflow.definition.document.name }",
        "raw": "${ $workflow.input }",
        "task": "${ $task.name + $task.reference }",
        "started": "${ $task.startedAt.epoch.seconds <= now }",
        "runtime": "${ $runtime.name }",
    }
    execution = await execute([{"look": {"set": shown}}], [1])
    assert execution.output == {
        "name": "case",
        "raw": [1],
        "task": "look/do/0/look",
        "started": True,
        "runtime": "cloud-api",
    }


@pytest.mark.parametrize("where", ["input", "output", "export"])
async def test_data_that_breaks_its_schema_is_a_validation_error(
    execute: Execute, where: str
) -> None:
    schema = {
        "document": {"type": "object", "required": ["x"], "properties": {"x": {"type": "string"}}}
    }
    shaping = {"schema": schema} if where == "input" else {"as": "{x: 5}", "schema": schema}
    execution = await execute([{"s": {**ECHO, where: shaping}}], {"x": 5})
    assert execution.error["type"].endswith("/validation")
    assert execution.error["detail"] == "/x breaks the schema's type"
    assert execution.error["instance"] == "/do/0/s"


async def test_a_skipped_step_passes_its_input_on(execute: Execute) -> None:
    steps = [{"a": {"set": {"x": 1}, "if": ".no", "export": {"as": "1"}}}, {"b": ECHO}]
    assert (await execute(steps, {"y": 2})).output == {"y": 2}


async def test_large_numbers_and_text_survive_a_plain_path(execute: Execute) -> None:
    data = {"n": 123456789012345678901234567890, "t": "é\u2028\U0001f600", "f": 0.1}
    assert (await execute([{"s": {"set": {"d": "${ . }"}}}], data)).output == {"d": data}


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"x": {"pattern": "^(a+)+$"}}},
        {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False},
        {
            "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
            | {"d40": {}},
            "$ref": "#/$defs/d0",
        },
    ],
)
async def test_a_schema_that_takes_for_ever_ends_the_execution(
    execute: Execute, schema: dict[str, Any]
) -> None:
    data = {"x": "a" * 40 + "!", "a" * 40 + "!": 1}
    execution = await execute([{"s": {**ECHO, "input": {"schema": {"document": schema}}}}], data)
    assert execution.error["detail"] == "a schema used more time or memory than it may"


@pytest.mark.parametrize(
    "reference", ["https://example.com/s.json", "file:///etc/passwd", "#/$defs/none"]
)
async def test_a_schema_fetches_nothing(execute: Execute, reference: str) -> None:
    step = {**ECHO, "input": {"schema": {"document": {"$ref": reference}}}}
    execution = await execute([{"s": step}], {})
    assert execution.error["detail"] == "the schema cannot be evaluated"
