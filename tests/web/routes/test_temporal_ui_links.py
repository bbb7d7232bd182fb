"""What leads operators to an execution in the Temporal UI, and what they find there sealed."""

from __future__ import annotations

import secrets

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import QueryWorkflowRequest, QueryWorkflowResponse
from temporalio.client import Client as TemporalClient

from bin.devtools.stack.client import Client
from engine.crypto.temporal_codec import ENCODING
from tests.support.platform import Platform, beside

pytestmark = pytest.mark.platform


NAP = "document: {{dsl: '1.0.3', namespace: tests, name: {0}, version: '1.0.0'}}\n"
NAP += "do: [{{{0}: {{wait: {{minutes: 5}}}}}}]\n"


def test_every_answer_about_an_execution_leads_to_its_page(
    platform: Platform, laptop: Client
) -> None:
    workflow_id = laptop.create_workflow("nap", NAP.format("nap"))["id"]
    told = laptop.execute(workflow_id, wait=0)
    path, ui = f"/api/executions/{told['executionId']}", platform.environ["TEMPORAL_UI_URL"]
    namespace = platform.environ["TEMPORAL_NAMESPACE"]
    page = f"{ui}/namespaces/{namespace}/workflows/execution:{told['executionId']}"
    (listed,) = laptop.request("GET", f"/api/workflows/{workflow_id}/executions")["executions"]
    answers = [
        told,
        listed,
        laptop.request("GET", path),
        laptop.request("POST", f"{path}/terminate"),
    ]
    assert [answer["temporalUrl"] for answer in answers] == [page] * 4


def test_without_a_ui_there_is_no_page(platform: Platform, laptop: Client) -> None:
    with (
        beside(platform, TEMPORAL_UI_URL="") as bare,
        Client(bare.api_url, "phone", laptop.keys) as phone,
    ):
        phone.login(laptop.email, laptop.password)
        workflow_id = phone.create_workflow("nap", NAP.format("nap"))["id"]
        assert phone.execute(workflow_id, wait=0)["temporalUrl"] is None


async def test_names_leave_the_worker_sealed_and_web_sends_none(
    platform: Platform, laptop: Client
) -> None:
    word = f"w{secrets.token_hex(8)}"
    workflow_id = laptop.create_workflow(word, NAP.format(word))["id"]
    execution_id = laptop.execute(workflow_id, {"given": word}, wait=0)["executionId"]
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    named = WorkflowExecution(workflow_id=f"execution:{execution_id}")
    asked = WorkflowQuery(query_type="__temporal_workflow_metadata")
    request = QueryWorkflowRequest(namespace=temporal.namespace, execution=named, query=asked)
    answer: QueryWorkflowResponse = await temporal.workflow_service.query_workflow(request)
    (payload,) = answer.query_result.payloads
    assert payload.metadata["encoding"] == ENCODING
    assert word.encode() not in payload.SerializeToString()
    handle = temporal.get_workflow_handle(named.workflow_id)
    described = await handle.describe()
    assert await described.static_summary() == f"Execution of workflow {workflow_id}"
    details = str(await described.static_details()).splitlines()
    assert details[1:] == [
        f"- workflow `/api/workflows/{workflow_id}`",
        f"- execution `/api/executions/{execution_id}`",
    ]
    everything = described.raw_description.SerializeToString()
    everything += b"".join([one.SerializeToString() async for one in handle.fetch_history_events()])
    assert word.encode() not in everything
    await handle.terminate()
