"""A workflow uses a secret that nobody reads back, and one that is missing may not be used."""

import json
from typing import Any

import psycopg

from bin.local.client import Client
from tests.conftest import Platform, joined

DOCUMENT = """
document: {dsl: '1.0.3', namespace: tests, name: secret, version: '1.0.0'}
use: {secrets: [login]}
do:
  - prove: {set: {length: '${ $secrets.login.password | length }'}}
"""


def test_a_secret_is_used_and_rests_under_the_accounts_key_from_then_on(platform: Platform) -> None:
    with joined(platform) as laptop:
        sealed = laptop.seal(json.dumps({"password": "correct horse"}).encode())
        laptop.request("PUT", "/api/secrets/login", json={"value": sealed})
        workflow = laptop.create_workflow("use", DOCUMENT)
        assert workflow["diagnostics"] == []
        for _ in range(2):
            assert laptop.execute(workflow["id"], {})["opened"] == {"length": 13}
        database = platform.environ["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(database) as connection:
            query = (
                "SELECT s.sealed, s.kept FROM secrets s JOIN accounts a ON a.id = account_id WHERE email = %s"
            )
            ((sealed_now, kept),) = connection.execute(query, (laptop.email,)).fetchall()
        assert sealed_now is None
        assert "correct" not in kept
        laptop.request(
            "PUT", "/api/secrets/login", json={"value": {"password": "x"}}, headers={"If-Match": "*"}
        )
        assert laptop.execute(workflow["id"], {})["opened"] == {"length": 1}


def test_an_execution_without_its_secret_ends_with_the_specifications_error(platform: Platform) -> None:
    with joined(platform) as laptop, joined(platform) as stranger:
        stranger.request("PUT", "/api/secrets/login", json={"value": {"password": "x"}})
        workflow = laptop.create_workflow("use", DOCUMENT)
        error = ran(laptop, workflow["id"])["error"]
        assert error["type"].endswith("/errors/authorization")
        assert (error["status"], error["instance"]) == (403, "/use/secrets/0")


def ran(client: Client, workflow_id: str, value: Any = None) -> dict[str, Any]:
    """Execute on a plain input and return the answer."""
    path = f"/api/workflows/{workflow_id}/execute"
    return client.request("POST", path, json={"input": value}, headers={"Prefer": "wait=20"})
