"""Data near the limits goes all the way: in, through calls and runs, and out."""

import json

import httpx2
import pytest

from bin.devtools.stack.client import Client
from tests.support.journeys.fragile import Fragile
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


HEAD = "document: {dsl: '1.0.3', namespace: tests, name: large, version: '1.0.0'}\n"
NEARLY = "x" * 900_000


def test_an_input_a_definition_and_a_result_near_a_megabyte_all_fit_at_once(
    fragile: Fragile,
) -> None:
    document = f"""{HEAD}# {"x" * 900_000}
do:
  - send:
      call: http
      with: {{method: post, endpoint: {fragile.service.url}/large, body: '${{ . }}'}}
  - keep:
      set: {{text: '${{ .text }}'}}
      export: {{as: {{first: '${{ .text }}', second: '${{ .text }}'}}}}
  - nap: {{wait: {{milliseconds: 10}}}}
  - give: {{set: {{text: '${{ .text }}', both: '${{ [$context[] | length] | add }}'}}}}
"""
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow("large", document)
        answer = laptop.execute(workflow["id"], {"text": NEARLY})
        if answer["status"] == "running":
            path = f"/api/executions/{answer['executionId']}"
            answer = until(
                lambda: (
                    (execution := laptop.request("GET", path))["status"] != "running" and execution
                )
            )
            answer["opened"] = laptop.open_result(answer)
        assert answer["opened"] == {"text": NEARLY, "both": 1_800_000}
        assert fragile.service.paths.get_nowait() == "/large"


def wait_for_failure(client: Client, answer: httpx2.Response) -> str:
    body = answer.json()
    assert body["status"] == "failed", body["status"]
    return str(json.dumps(client.open(body["error"]["sealed"])))


def test_a_result_past_the_limit_is_an_error_with_the_limits_name(fragile: Fragile) -> None:
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow(
            "much", HEAD + "do:\n  - a: {set: {t: '${ .t }', u: '${ .t }'}}\n"
        )
        # Counted in characters, as a step's data is, it fits; the result is counted in bytes.
        value = laptop.seal(json.dumps({"t": "ä" * 340_000}, ensure_ascii=False).encode())
        path = f"/api/workflows/{workflow['id']}/execute"
        answer = laptop.http.post(path, json={"input": value}, headers={"Prefer": "wait=20"})
        assert "value_bytes_max" in wait_for_failure(laptop, answer)
