from __future__ import annotations

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from engine.language.errors import TYPES, is_same_type
from tests.support.interpreter.executions import Execute

ERROR = {"type": TYPES + "communication", "status": 503, "title": "Away"}


def trying(catch: dict[str, Any], error: dict[str, Any] | str = ERROR) -> list[dict[str, Any]]:
    return [{"attempt": {"try": [{"fail": {"raise": {"error": error}}}], "catch": catch}}]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            TYPES + "communication",
            "https://serverlessworkflow.io/spec/1.0.0/errors/communication",
            True,
        ),
        (
            TYPES + "timeout",
            "https://open-workflow-specification.org/dsl/errors/types/timeout",
            True,
        ),
        (TYPES + "timeout", TYPES + "runtime", False),
        ("https://example.com/errors/timeout", TYPES + "timeout", False),
        ("urn:mine", "urn:mine", True),
    ],
)
def test_a_type_is_the_same_under_every_host_and_path_it_is_known_by(
    one: str, other: str, same: bool
) -> None:
    assert is_same_type(one, other) is same


@pytest.mark.stack
@pytest.mark.parametrize(
    "catch",
    [
        {},
        {"errors": {"with": {"status": 503}}},
        {
            "errors": {
                "with": {"type": "https://serverlessworkflow.io/dsl/errors/types/communication"}
            }
        },
        {"when": "$error.status == 503"},
        {"exceptWhen": "$error.status == 404"},
        {"as": "e", "when": '$e.instance == "/do/0/attempt/try/0/fail"'},
    ],
)
async def test_an_error_that_fits_is_caught_and_handled(
    execute: Execute, catch: dict[str, Any]
) -> None:
    variable = catch.get("as", "error")
    handler = [{"handle": {"set": {"status": f"${{ ${variable}.status }}"}}}]
    assert (await execute(trying({**catch, "do": handler}), {})).output == {"status": 503}


@pytest.mark.stack
@pytest.mark.parametrize(
    "catch",
    [
        {"errors": {"with": {"status": 404}}},
        {"errors": {"with": {"type": TYPES + "timeout"}}},
        {"when": "false"},
        {"exceptWhen": "$error.status == 503"},
    ],
)
async def test_an_error_that_does_not_fit_passes(execute: Execute, catch: dict[str, Any]) -> None:
    execution = await execute(trying({**catch, "do": [{"never": {"set": {"a": 1}}}]}), {})
    assert execution.error == {**ERROR, "instance": "/do/0/attempt/try/0/fail"}


@pytest.mark.stack
async def test_a_caught_error_without_handler_leaves_the_data(execute: Execute) -> None:
    assert (await execute(trying({}), {"kept": 1})).output == {"kept": 1}


@pytest.mark.stack
async def test_catch_then_decides_where_the_flow_goes(execute: Execute) -> None:
    steps = [*trying({"then": "end"}), {"never": {"set": {"a": 1}}}]
    assert (await execute(steps, {"kept": 1})).output == {"kept": 1}


@pytest.mark.stack
async def test_an_error_can_be_raised_by_name_with_expressions_in_it(execute: Execute) -> None:
    use = {"errors": {"away": {**ERROR, "detail": '${ "for \\(.minutes) minutes" }'}}}
    execution = await execute([{"fail": {"raise": {"error": "away"}}}], {"minutes": 5}, use=use)
    assert execution.error == {**ERROR, "detail": "for 5 minutes", "instance": "/do/0/fail"}


@pytest.mark.stack
async def test_retries_follow_the_first_try_and_then_the_error_stands(execute: Execute) -> None:
    retry = {
        "delay": {"milliseconds": 20},
        "backoff": {"exponential": {}},
        "limit": {"attempt": {"count": 2}},
    }
    execution = await execute(trying({"retry": retry}), {})
    assert execution.error["status"] == 503
    assert execution.trail == ["attempt", "fail", "fail", "fail"]


@pytest.mark.stack
async def test_a_handler_follows_the_last_retry(execute: Execute) -> None:
    use = {"retries": {"twice": {"limit": {"attempt": {"count": 1}}}}}
    catch = {"retry": "twice", "do": [{"handle": {"set": {"gave": "up"}}}]}
    execution = await execute(trying(catch), {}, use=use)
    assert (execution.output, execution.trail) == (
        {"gave": "up"},
        ["attempt", "fail", "fail", "handle"],
    )


@pytest.mark.stack
async def test_a_step_that_takes_too_long_is_a_timeout_that_can_be_caught(execute: Execute) -> None:
    slow = {"slow": {"wait": "PT30S", "timeout": {"after": {"milliseconds": 50}}}}
    catch = {
        "errors": {"with": {"type": TYPES + "timeout"}},
        "do": [{"late": {"set": {"late": True}}}],
    }
    assert (await execute([{"attempt": {"try": [slow], "catch": catch}}], {})).output == {
        "late": True
    }


@pytest.mark.stack
async def test_operators_see_the_kind_of_an_error_and_nothing_of_the_users(
    execute: Execute,
) -> None:
    secret = {"type": "https://example.com/canary", "status": 500, "detail": "canary"}
    execution = await execute(
        [{"fail": {"raise": {"error": secret}}}], {}, reply_key={"kty": "OKP"}
    )
    assert isinstance(execution.failure, ApplicationError)
    assert (execution.failure.type, execution.failure.message) == ("raised", "The execution failed")
    assert list(execution.failure.details) == ["a.sealed.reply"]
