"""What an account may not exceed: published, and refused before anything is written."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from engine.store.models import Execution
from tests.web.conftest import Make, Person

NAMES = {
    *(
        "definitionBytes",
        "definitionDepth",
        "definitionSteps",
        "definitionValues",
        "inputBytes",
        "resultBytes",
    ),
    *("stepDataBytes", "stepDataDepth", "stepsWalked", "loopIterations", "forkBranches", "waitSeconds"),
    *("concurrentExecutions", "executionSeconds", "expressionCharacters", "expressionCpuSeconds"),
    *("expressionMemoryBytes", "expressionResultBytes", "expressionWallSeconds"),
}


def test_the_limits_are_published_by_their_names(client: FlaskClient, person: Person) -> None:
    limits: dict[str, Any] = client.get("/api/workflows/limits", headers=person.headers).get_json()["limits"]
    assert set(limits) == NAMES
    wanted = {"definitionBytes": 1_048_576, "definitionDepth": 64, "definitionSteps": 2000}
    wanted |= {"stepsWalked": 10_000, "loopIterations": 100_000, "forkBranches": 64}
    wanted |= {"concurrentExecutions": 100, "executionSeconds": 30 * 86_400, "inputBytes": 1_048_576}
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
    answers = []
    for owner in (person, person, stranger):
        body = {"name": "never run", "encryptedData": "-", "encryptionKey": "-"}
        made = client.post("/api/workflows", json=body, headers=owner.headers).get_json()["workflow"]
        path = f"/api/workflows/{made['id']}/execute"
        answers.append(client.post(path, json={}, headers=owner.headers | {"Prefer": "wait=0"}))
    assert [answer.status_code for answer in answers] == [202, 409, 202]
    refused = answers[1].get_json()
    assert (refused["code"], refused["limit"]) == ("executions_too_many", "concurrentExecutions")
    with sessions() as session:
        query = select(func.count()).where(Execution.account_id == person.id)
        assert session.scalar(query) == 1
