"""A workflow uses a secret that nobody reads back, and one that is missing may not be used."""

import json
from typing import Any

import psycopg
import pytest

from bin.devtools.stack.client import Client
from tests.support.journeys.executions import wait_for_end
from tests.support.platform import Platform, new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


DOCUMENT = """
document: {dsl: '1.0.3', namespace: tests, name: secret, version: '1.0.0'}
use: {secrets: [login]}
do:
  - prove: {set: {length: '${ $secrets.login.password | length }'}}
"""


def test_a_secret_is_used_and_rests_under_the_accounts_key_from_then_on(platform: Platform) -> None:
    with new_agent(platform) as laptop:
        value = laptop.seal(json.dumps({"password": "correct horse"}).encode())
        laptop.request("PUT", "/api/secrets/login", json={"value": value})
        workflow = laptop.create_workflow("use", DOCUMENT)
        assert workflow["diagnostics"] == []
        for _ in range(2):
            assert laptop.execute(workflow["id"], {})["opened"] == {"length": 13}
        database = platform.environ["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(database) as connection:
            query = (
                "SELECT s.sealed, s.kept FROM secrets s"
                " JOIN accounts a ON a.id = account_id WHERE email = %s"
            )
            ((sealed_now, is_stored),) = connection.execute(query, (laptop.email,)).fetchall()
        assert sealed_now is None
        assert "correct" not in is_stored
        laptop.request(
            "PUT",
            "/api/secrets/login",
            json={"value": {"password": "x"}},
            headers={"If-Match": "*"},
        )
        assert laptop.execute(workflow["id"], {})["opened"] == {"length": 1}


def test_an_execution_without_its_secret_ends_with_the_specifications_error(
    platform: Platform,
) -> None:
    with new_agent(platform) as laptop, new_agent(platform) as stranger:
        stranger.request("PUT", "/api/secrets/login", json={"value": {"password": "x"}})
        workflow = laptop.create_workflow("use", DOCUMENT)
        error = ran(laptop, workflow["id"])["error"]
        assert error["type"].endswith("/errors/authorization")
        assert (error["status"], error["instance"]) == (403, "/use/secrets/0")


def test_a_secret_deleted_while_an_execution_waits_is_still_that_ones_and_nobody_elses(
    platform: Platform,
) -> None:
    document = """
document: {dsl: '1.0.3', namespace: tests, name: patient, version: '1.0.0'}
use: {secrets: [login]}
do:
  - before: {set: {length: '${ $secrets.login.password | length }'}}
  - await: {listen: {to: {one: {with: {type: go}}}}}
  - after: {set: {length: '${ $secrets.login.password | length }'}}
"""
    listening = "SELECT 1 FROM listeners WHERE workflow_id = 'execution:' || %s"
    with new_agent(platform) as laptop:
        laptop.request("PUT", "/api/secrets/login", json={"value": {"password": "horse"}})
        workflow = laptop.create_workflow("patient", document)
        execution_id = laptop.execute(workflow["id"], {}, wait=0)["executionId"]
        database = platform.environ["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(database, autocommit=True) as connection:
            until(lambda: connection.execute(listening, [execution_id]).fetchone())
        laptop.http.delete("/api/secrets/login").raise_for_status()
        event = {"specversion": "1.0", "id": "1", "source": "/tests", "type": "go"}
        headers = {"Content-Type": "application/cloudevents+json"}
        laptop.http.post("/api/events", json=event, headers=headers).raise_for_status()
        assert laptop.open_result(wait_for_end(laptop, execution_id)) == {"length": 5}
        assert ran(laptop, workflow["id"])["error"]["type"].endswith("/errors/authorization")


def ran(client: Client, workflow_id: str, value: Any = None) -> dict[str, Any]:
    """Execute on a plain input and return the answer."""
    path = f"/api/workflows/{workflow_id}/execute"
    return client.request("POST", path, json={"input": value}, headers={"Prefer": "wait=20"})
