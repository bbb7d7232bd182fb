"""The worker is killed wherever an execution may stand; every execution still ends, once."""

from __future__ import annotations

from collections import Counter

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client as TemporalClient

from engine.interpreter.constructs import registry
from tests.support.journeys.executions import HEAD, wait_for_end
from tests.support.journeys.fragile import Fragile
from tests.support.journeys.gate import Gate
from tests.support.platform import new_agent

pytestmark = pytest.mark.journey


# Where an execution may be when the worker dies: the last part of the paths its calls ask for.
PLACES = ("top", "list", "round-0", "round-1", "tried", "caught", "left", "right", "last")


def document(url: str) -> str:
    """Return a workflow of every kind of step, with a call at every place, and optional naps."""

    def call(place: str) -> str:
        endpoint = f'"{url}/\\($workflow.input.name)/{place}"'
        arguments = f"{{method: put, body: '${{ . }}', endpoint: '${{ {endpoint} }}'}}"
        asks = f"{{call: http, with: {arguments}}}"
        nap = f"{{if: '${{ $workflow.input.nap == \"{place}\" }}', wait: {{seconds: 4}}}}"
        note = f"{{set: {{path: '${{ .path + [\"{place}\"] }}'}}}}"
        return f"[{{ask: {asks}}}, {{nap: {nap}}}, {{note: {note}}}]"

    return f"""{HEAD}do:
  - begin: {{set: {{path: []}}}}
  - top: {{do: {call("top")}}}
  - list: {{do: [{{inner: {{do: {call("list")}}}}}]}}
  - each:
      for: {{each: n, in: '[0, 1]'}}
      do:
        - zero: {{if: $n == 0, do: {call("round-0")}}}
        - one: {{if: $n == 1, do: {call("round-1")}}}
  - guarded:
      try:
        - tried: {{do: {call("tried")}}}
        - fail: {{raise: {{error: {{type: 'urn:x', status: 400}}}}}}
      catch: {{do: {call("caught")}}}
  - both:
      fork:
        branches: [{{left: {{do: {call("left")}}}}}, {{right: {{do: {call("right")}}}}}]
  - join: {{set: {{path: '${{ .[0].path + .[1].path }}'}}}}
  - choose: {{switch: [{{on: {{when: '.path != null', then: tell}}}}, {{off: {{then: end}}}}]}}
  - never: {{set: {{path: [never]}}}}
  - tell:
      emit: {{event: {{with: {{type: told, data: '${{ .path }}'}}}}}}
      output: {{as: '${{ {{path: .data}} }}'}}
  - last: {{do: {call("last")}}}
"""


RESULT = {
    "path": [
        *("top", "list", "round-0", "round-1", "caught"),
        *("left", "top", "list", "round-0", "round-1", "caught", "right", "last"),
    ]
}


# How many calls an execution has behind it when it stands at a place. Of the two branches, the
# other one goes on to its end.
CALLS = {place: number for number, place in enumerate(PLACES[:6])} | {
    "left": 7,
    "right": 7,
    "last": 8,
}


async def wait_for_places(fragile: Fragile, executions: dict[str, str], *, naps: bool) -> None:
    """Wait until Temporal knows all that each execution does before it waits at its place.

    :param executions: ids of executions by their places.
    :param naps: whether they wait in a timer after the place's call, instead of in the call.
    """
    temporal = await TemporalClient.connect(fragile.stack.temporal_address)
    for place, execution_id in executions.items():
        missing = Counter(
            {EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: CALLS[place] + naps}
            | ({EventType.EVENT_TYPE_TIMER_STARTED: 1} if naps else {})
        )
        handle = temporal.get_workflow_handle(f"execution:{execution_id}")
        async for event in handle.fetch_history_events(wait_new_event=True):
            missing[event.event_type] -= 1
            if max(missing.values()) <= 0:
                break


@pytest.mark.parametrize("when", ["in a call", "as a call is answered", "in a nap"])
async def test_a_worker_killed_at_any_place_loses_nothing_and_repeats_no_more_than_a_call(
    fragile: Fragile, gate: Gate, when: str
) -> None:
    # Who listens is killed around in test_events_outages, who runs others in test_run_workflow.
    assert {kind for kind in registry.CONSTRUCTS if f"{kind}:" not in document("")} == {
        "listen",
        "run",
    }
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow("everything", document(gate.url))
        assert workflow["diagnostics"] == []
        naps = when == "in a nap"
        gate.blocked_paths = set() if naps else {f"/{place}/{place}" for place in PLACES}
        inputs = [{"name": place, "nap": place if naps else ""} for place in PLACES]
        executions = {
            value["name"]: laptop.execute(workflow["id"], value, wait=0)["executionId"]
            for value in inputs
        }
        if not naps:
            gate.waits(len(PLACES))
        await wait_for_places(fragile, executions, naps=naps)
        if when == "as a call is answered":
            gate.let_go()
        fragile.kill("temporal")
        gate.let_go()
        fragile.revive("temporal")
        for execution_id in executions.values():
            execution = wait_for_end(laptop, execution_id)
            assert execution["status"] == "completed"
            assert laptop.open_result(execution) == RESULT
    assert set(gate.requests) == {f"/{name}/{place}" for name in PLACES for place in PLACES}
    repeated_paths = {path for path, count in gate.requests.items() if count > 1}
    assert max(gate.requests.values()) <= 2
    match when:
        case "in a call":
            assert repeated_paths == {f"/{place}/{place}" for place in PLACES}
        case "in a nap":
            assert repeated_paths == set()


@pytest.mark.parametrize("promised", [False, True], ids=["a plain POST", "with an Idempotency-Key"])
def test_a_call_that_may_have_been_made_is_repeated_only_where_that_does_no_harm(
    fragile: Fragile, gate: Gate, *, promised: bool
) -> None:
    headers = "{Idempotency-Key: once}" if promised else "{X-Other: none}"
    text = f"""{HEAD}do:
  - ask:
      call: http
      with: {{method: post, endpoint: '{gate.url}/post', headers: {headers}, body: {{a: 1}}}}
"""
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow("post", text)
        gate.blocked_paths = {"/post"}
        execution_id = laptop.execute(workflow["id"], {}, wait=0)["executionId"]
        gate.waits(1)
        fragile.kill("temporal")
        gate.let_go()
        fragile.revive("temporal")
        execution = wait_for_end(laptop, execution_id)
        if promised:
            assert laptop.open_result(execution) == {"a": 1}
        else:
            error = laptop.open(execution["error"]["sealed"])
            assert error["type"].endswith("/communication")
            assert (error["instance"], "not known" in error["detail"]) == ("/do/0/ask", True)
    assert gate.requests == {"/post": 2 if promised else 1}
