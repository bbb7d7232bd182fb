"""What an account may not exceed: published, and refused before anything is written."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7
from werkzeug.test import TestResponse

from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.workflows import Definition
from engine.workflows.executions import executions
from engine.workflows.executions.executions import AssignedId, SealedInput
from tests.support.web.people import Make, Person

pytestmark = pytest.mark.stack


NAMES = {
    *(
        "addressCharacters",
        "definitionYamlCpuSeconds",
        "executionDataBytes",
        "definitionBytes",
        "definitionDepth",
        "definitionSteps",
        "definitionValues",
        "inputBytes",
        "resultBytes",
    ),
    *(
        "stepDataBytes",
        "stepDataDepth",
        "stepsNested",
        "stepsWalked",
        "stepsPerMinute",
        "loopIterations",
        "forkBranches",
        "waitSeconds",
    ),
    *("concurrentExecutions", "executionSeconds", "expressionCharacters", "expressionCpuSeconds"),
    *("functionDepth", "runDepth", "schedules", "backfilledExecutions", "bulkJobs"),
    *("expressionMemoryBytes", "expressionResultBytes"),
}


def test_the_limits_are_published_by_their_names(client: FlaskClient, person: Person) -> None:
    limits: dict[str, Any] = client.get("/api/workflows/limits", headers=person.headers).get_json()[
        "limits"
    ]
    assert set(limits) == NAMES
    wanted = {"definitionBytes": 1_048_576, "definitionDepth": 64, "definitionSteps": 2000}
    wanted |= {
        "stepsWalked": 10_000,
        "stepsPerMinute": 10_000,
        "loopIterations": 100_000,
        "forkBranches": 64,
    }
    wanted |= {
        "concurrentExecutions": 100,
        "executionSeconds": 30 * 86_400,
        "inputBytes": 1_048_576,
    }
    assert {name: limits[name] for name in wanted} == wanted


def test_what_the_settings_say_is_what_is_published(make: Make) -> None:
    client = make(EXECUTIONS_PER_ACCOUNT_MAX="7", EXECUTION_SECONDS_MAX="60").test_client()
    told = client.get("/api/workflows/limits", headers=Person(client).headers).get_json()["limits"]
    assert (told["concurrentExecutions"], told["executionSeconds"]) == (7, 60)


def test_an_account_with_enough_executions_running_gets_no_further_one(
    make: Make, sessions: sessionmaker[Session]
) -> None:
    client = make(EXECUTIONS_PER_ACCOUNT_MAX="1").test_client()
    person, stranger = Person(client), Person(client)

    def define(owner: Person) -> str:
        body = {"name": "never run", "encryptedData": "-", "encryptionKey": "-"}
        made = client.post("/api/workflows", json=body, headers=owner.headers).get_json()[
            "workflow"
        ]
        return str(made["id"])

    def execute(owner: Person) -> TestResponse:
        headers = owner.headers | {"Prefer": "wait=0"}
        return client.post(f"/api/workflows/{define(owner)}/execute", json={}, headers=headers)

    run(sessions, UUID(define(person)))
    refused = execute(person)
    assert refused.status_code == 409
    told = refused.get_json()
    assert (told["code"], told["limit"]) == ("executions_too_many", "concurrentExecutions")
    assert execute(stranger).status_code == 202, "it is the other's limit"
    with sessions() as session:
        query = select(func.count()).where(Execution.account_id == person.id)
        assert session.scalar(query) == 1


def run(sessions: sessionmaker[Session], definition_id: UUID) -> None:
    """Have an execution that goes on: no engine is told of it, which would end it."""
    with sessions.begin() as session:
        definition = session.get_one(Definition, definition_id)
        order = SealedInput(jwe="-", seal_result=False)
        executions.start(
            AccountScope(session, definition.account_id, datetime.now(UTC)),
            definition,
            order,
            assigned=AssignedId(uuid7()),
        )
