"""Workflows change and are deleted on the platform: versions stay, and no change is lost unseen."""

from typing import Any

import pytest
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client, RefusedError
from tests.support.platform import Platform, beside
from tests.support.waiting import until
from tests.support.web.workflows import HEAD, put, saying

pytestmark = pytest.mark.platform


SLEEPER = HEAD % "sleeper" + "do:\n  - nap: {wait: {hours: 1}}\n"


def tag_of(client: Client, workflow_id: str) -> str:
    return client.http.get(f"/api/workflows/{workflow_id}").headers["ETag"]


def said(client: Client, workflow_id: str, **body: Any) -> str:
    answer = client.request(
        "POST",
        f"/api/workflows/{workflow_id}/execute",
        json={"sealResult": True, **body},
        headers={"Prefer": "wait=20"},
    )
    return str(client.open_result(answer)["word"])


def test_a_changed_workflow_has_another_version_that_was_checked_and_keeps_the_old_one(
    laptop: Client,
) -> None:
    made = laptop.create_workflow("first", saying("one"))
    path = f"/api/workflows/{made['id']}"
    answer = put(laptop, made["id"], saying("two").replace("set:", "sett:"), description="Ünïcode")
    changed = answer.json()["workflow"]
    assert (answer.status_code, changed["version"], changed["name"]) == (200, 2, "changed")
    assert (changed["description"], changed["createdAt"]) == ("Ünïcode", made["createdAt"])
    assert changed["updatedAt"] > made["updatedAt"]
    assert changed["diagnostics"] == [
        {"pointer": "/do/0/*/*", "detail": "unknown property; did you mean set?"}
    ]
    assert laptop.request("GET", path)["workflow"] == changed
    old = laptop.request("GET", f"{path}/versions/1")["version"]
    assert (old["name"], old["description"], old["diagnostics"]) == ("first", None, [])
    assert {name: old[name] for name in ("encryptedData", "encryptionKey")} == {
        name: made[name] for name in ("encryptedData", "encryptionKey")
    }
    listed = laptop.request("GET", f"{path}/versions")
    assert [one["version"] for one in listed["versions"]] == [2, 1]
    assert [one["diagnostics"] for one in listed["versions"]] == [changed["diagnostics"], []]
    assert all(one["checkedAt"] for one in listed["versions"])
    assert not {"encryptedData", "encryptionKey"} & set(listed["versions"][0])


def test_another_name_alone_is_a_version_too(laptop: Client) -> None:
    made = laptop.create_workflow("first", saying("one"))
    sealed = {name: made[name] for name in ("encryptedData", "encryptionKey")}
    answer = laptop.http.put(
        f"/api/workflows/{made['id']}", json={"name": "second"} | sealed, headers={"If-Match": "*"}
    ).json()["workflow"]
    assert (answer["version"], answer["name"], answer["diagnostics"]) == (2, "second", [])
    assert said(laptop, made["id"]) == "one"


def test_versions_come_in_pages(laptop: Client) -> None:
    workflow_id = laptop.create_workflow("paged", saying("one"))["id"]
    for word in ("two", "three"):
        put(laptop, workflow_id, saying(word)).raise_for_status()
    path = f"/api/workflows/{workflow_id}/versions"
    first = laptop.request("GET", path, params={"limit": 2})
    assert ([one["version"] for one in first["versions"]], first["hasMore"]) == ([3, 2], True)
    last = laptop.request("GET", path, params={"limit": 2, "cursor": first["cursor"]})
    assert [one["version"] for one in last["versions"]] == [1]
    assert (last["hasMore"], last["cursor"]) == (False, None)
    for query in ("limit=0", "cursor=x", "cursor=0", "after=1"):
        assert laptop.http.get(f"{path}?{query}").status_code == 422


@pytest.mark.parametrize("version", ["0", "2", "99999999999999999999", "x", "-1"])
def test_a_version_that_never_was_is_unknown(laptop: Client, version: str) -> None:
    workflow_id = laptop.create_workflow("once", saying("one"))["id"]
    assert laptop.http.get(f"/api/workflows/{workflow_id}/versions/{version}").status_code == 404


def test_a_workflow_is_changed_and_deleted_by_who_has_seen_its_newest_version(
    laptop: Client,
) -> None:
    workflow_id = laptop.create_workflow("guarded", saying("one"))["id"]
    path = f"/api/workflows/{workflow_id}"
    body = {"name": "x"} | laptop.seal_workflow(saying("two"))
    for method in ("PUT", "DELETE"):
        blind = laptop.http.request(method, path, json=body if method == "PUT" else None)
        assert (blind.status_code, blind.json()["code"]) == (428, "precondition_required")
    seen = tag_of(laptop, workflow_id)
    assert put(laptop, workflow_id, saying("two"), f'"other", {seen}').status_code == 200
    for method in ("PUT", "DELETE"):
        late = laptop.http.request(
            method, path, json=body if method == "PUT" else None, headers={"If-Match": seen}
        )
        assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert laptop.request("GET", path)["workflow"]["version"] == 2
    weak = laptop.http.delete(path, headers={"If-Match": f"W/{tag_of(laptop, workflow_id)}"})
    assert weak.status_code == 412, (
        "a weak tag is never what is asked for (RFC 9110 section 13.1.1)"
    )


def test_an_execution_changes_what_is_shown_and_not_what_must_have_been_seen(
    laptop: Client,
) -> None:
    workflow_id = laptop.create_workflow("run", saying("one"))["id"]
    path, seen = f"/api/workflows/{workflow_id}", tag_of(laptop, workflow_id)
    unchanged = laptop.http.get(path, headers={"If-None-Match": seen})
    assert (unchanged.status_code, unchanged.headers["ETag"], unchanged.content) == (304, seen, b"")
    said(laptop, workflow_id)
    after = laptop.http.get(path, headers={"If-None-Match": seen})
    assert (after.status_code, after.json()["workflow"]["status"]) == (200, "completed")
    assert after.headers["ETag"] != seen
    assert put(laptop, workflow_id, saying("two"), seen).status_code == 200


def test_a_new_workflows_answer_has_its_tag(laptop: Client) -> None:
    made = laptop.http.post(
        "/api/workflows", json={"name": "x"} | laptop.seal_workflow(saying("one"))
    )
    workflow_id = made.json()["workflow"]["id"]
    assert made.headers["ETag"] == tag_of(laptop, workflow_id)
    assert laptop.http.get(made.headers["Location"]).status_code == 200
    changed = put(laptop, workflow_id, saying("two"), made.headers["ETag"])
    assert changed.headers["ETag"] == tag_of(laptop, workflow_id)


def test_an_execution_runs_the_newest_version_or_the_one_that_is_asked_for(laptop: Client) -> None:
    workflow_id = laptop.create_workflow("said", saying("one"))["id"]
    put(laptop, workflow_id, saying("two")).raise_for_status()
    assert [said(laptop, workflow_id), said(laptop, workflow_id, version=1.0)] == ["two", "one"]
    runs = laptop.request("GET", f"/api/workflows/{workflow_id}/executions")["executions"]
    assert [run["workflowVersion"] for run in runs] == [1, 2]
    path = f"/api/workflows/{workflow_id}/execute"
    unknown = laptop.http.post(path, json={"version": 3})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "workflow_version_unknown")
    for bad in (0, "1", 1.5, True, 2**31):
        assert laptop.http.post(path, json={"version": bad}).status_code == 422


def test_what_is_no_list_of_tags_names_no_version(laptop: Client) -> None:
    workflow_id = laptop.create_workflow("one", saying("one"))["id"]
    tags = 'W/":WDSpKL_>_N&,d6+/lg", "",W/"MVwr/U0$c", "1c>v]_P/o.0"'
    refused = laptop.http.delete(f"/api/workflows/{workflow_id}", headers={"If-Match": tags})
    assert refused.status_code == 412


def test_what_runs_a_workflow_by_its_name_runs_the_newest_version(laptop: Client) -> None:
    called = laptop.create_workflow("called", saying("one", name="called"))["id"]
    ordering = HEAD % "orderer" + (
        "do:\n  - order: {run: {workflow: {namespace: tests, name: called, version: latest}}}\n"
    )
    orderer = laptop.create_workflow("orderer", ordering)["id"]
    assert said(laptop, orderer) == "one"
    put(laptop, called, saying("two", name="called")).raise_for_status()
    assert said(laptop, orderer) == "two"
    put(laptop, called, saying("three", name="renamed")).raise_for_status()
    answer = laptop.execute(orderer)
    assert (answer["status"], answer["error"]["type"].rpartition("/")[2]) == (
        "failed",
        "configuration",
    )


def test_a_deleted_workflow_goes_with_its_versions_and_executions(laptop: Client) -> None:
    workflow_id = laptop.create_workflow("gone", saying("one"))["id"]
    put(laptop, workflow_id, saying("two")).raise_for_status()
    path, again = f"/api/workflows/{workflow_id}", {"Idempotency-Key": "once"}
    run = laptop.request("POST", f"{path}/execute", json={}, headers=again | {"Prefer": "wait=20"})
    execution_id = run["executionId"]
    answer = laptop.http.delete(path, headers={"If-Match": tag_of(laptop, workflow_id)})
    assert (answer.status_code, answer.content) == (204, b"")
    gone = ("", "/versions", "/versions/1", "/executions")
    for place in (*(path + end for end in gone), f"/api/executions/{execution_id}"):
        assert laptop.http.get(place).status_code == 404
    for headers in ({}, again):
        started = laptop.http.post(f"{path}/execute", json={}, headers=headers)
        assert (started.status_code, started.json()["code"]) == (404, "workflow_unknown")
    assert put(laptop, workflow_id, saying("three")).status_code == 404
    assert laptop.request("GET", "/api/workflows")["total"] == 0


def test_a_workflow_whose_executions_run_is_not_deleted(laptop: Client) -> None:
    workflow_id = laptop.create_workflow("sleeper", SLEEPER)["id"]
    execution_id = laptop.execute(workflow_id, wait=0)["executionId"]
    path, any_version = f"/api/workflows/{workflow_id}", {"If-Match": "*"}
    refused = laptop.http.delete(path, headers=any_version)
    assert (refused.status_code, refused.json()["code"]) == (409, "workflow_running")
    assert refused.json()["running"] == 1
    laptop.request("POST", f"/api/executions/{execution_id}/terminate")
    until(lambda: laptop.http.delete(path, headers=any_version).status_code == 204)


def test_a_new_version_waits_for_a_worker_no_longer_than_the_first_did(
    platform: Platform, laptop: Client
) -> None:
    workflow_id = laptop.create_workflow("left", saying("one"))["id"]
    with (
        beside(platform, TEMPORAL_ADDRESS="127.0.0.1:9") as alone,
        Client(alone.api_url, "laptop", laptop.keys) as away,
    ):
        away.http.headers.update(laptop.http.headers)
        answer = put(away, workflow_id, saying("two").replace("set:", "sett:")).json()["workflow"]
    assert (answer["version"], answer["diagnostics"]) == (2, [])
    path = f"/api/workflows/{workflow_id}"
    until(lambda: laptop.request("GET", path)["workflow"]["diagnostics"])


def test_nobody_elses_workflow_is_changed(laptop: Client) -> None:
    with pytest.raises(RefusedError, match="404 workflow_unknown"):
        laptop.request(
            "PUT",
            f"/api/workflows/{uuid7()}",
            json={"name": "x", "encryptedData": "x", "encryptionKey": "-"},
            headers={"If-Match": "*"},
        )
