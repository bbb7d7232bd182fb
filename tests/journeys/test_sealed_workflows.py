"""A sealed workflow runs in the cloud, and what it is about is nowhere in the clear."""

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from redis import Redis
from temporalio.client import Client as TemporalClient

from bin.devtools.stack.client import Client
from engine.interpreter.constructs import registry
from tests.support.journeys import canaries
from tests.support.journeys.fragile import Fragile
from tests.support.platform import Platform, new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


HEAD = "document: {dsl: '1.0.3', namespace: tests, name: sealed, version: '1.0.0'}\n"


def test_a_sealed_workflow_runs_and_its_result_is_opened_by_another_agent(
    platform: Platform,
) -> None:
    document = f"""{HEAD}
do:
  - each:
      for: {{each: name, in: .names}}
      do:
        - greet: {{set: {{greetings: '${{ (.greetings // []) + ["Hello, " + $name] }}'}}}}
  - nap: {{wait: {{milliseconds: 50}}}}
  - check:
      if: ${{ (.greetings | length) > 1 }}
      set: {{said: '${{ .greetings | join("; ") }}'}}
"""
    with new_agent(platform) as laptop, Client(platform.api_url, "phone", laptop.keys) as phone:
        phone.login(laptop.email, laptop.password)
        workflow = laptop.create_workflow("greet", document)
        assert workflow["diagnostics"] == []
        answer = laptop.execute(workflow["id"], {"names": ["Ada", "Grace"]})
        assert answer["opened"] == {"said": "Hello, Ada; Hello, Grace"}
        (workflow,) = phone.request("GET", "/api/workflows", params={"status": "completed"})[
            "workflows"
        ]
        execution = phone.request("GET", f"/api/executions/{workflow['lastExecutionId']}")
        assert phone.open_result(execution) == answer["opened"]


def canary_document(canary: str, url: str) -> str:
    """Return a workflow with the canary in every kind of step, and in an error of the user's."""
    return f"""{HEAD}# {canary}
use: {{secrets: [key]}}
do:
  - open: {{set: {{secret: '${{ .secret }}', fail: '${{ .fail }}', opened: '${{ $secrets.key }}'}}}}
  - keep: {{set: {{literal: {canary}-literal, input: '${{ .secret }}'}}}}
  - call:
      call: http
      with:
        method: post
        endpoint: {{uri: '{url}/{canary}', authentication: {{bearer: {{use: key}}}}}}
        body: '${{ . }}'
  - tell:
      emit: {{event: {{with: {{type: {canary}, data: '${{ $secrets.key }}'}}}}}}
      output: {{as: $input}}
  - {canary}-step: {{wait: {{milliseconds: 10}}}}
  - each:
      for: {{each: one, in: '${{ [.input, .literal] }}'}}
      do:
        - try:
            try:
              - throw:
                  raise: {{error: {{type: 'https://{canary}.org', status: 400, title: {canary}}}}}
            catch:
              as: caught
              do:
                - note: {{set: {{seen: '${{ $caught.title + $one }}'}}}}
  - choose:
      switch:
        - bad: {{when: '${{ $workflow.input.fail }}', then: fail}}
        - good: {{then: end}}
  - fail:
      raise:
        error:
          type: 'https://{canary}.org'
          status: 400
          detail: '${{ "{canary}" + $secrets.key }}'
"""


def forms(text: str) -> list[bytes]:
    """Return the text as it might stand somewhere: plain, in hex, in base64 at any offset."""
    base64_forms = [base64.b64encode(b"x" * shift + text.encode())[4:-4] for shift in range(3)]
    return [text.encode(), text.encode().hex().encode(), *base64_forms]


def tables(database_url: str) -> Iterator[bytes]:
    with psycopg.connect(database_url) as connection:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        for (name,) in connection.execute(names).fetchall():
            query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name))
            for (row,) in connection.execute(query).fetchall():
                yield row.encode()


def redis_keys(redis_url: str) -> Iterator[bytes]:
    with Redis.from_url(redis_url) as redis:
        for key in redis.scan_iter():
            yield key
            match redis.type(key):
                case b"string":
                    yield redis.get(key)
                case b"list":
                    yield from redis.lrange(key, 0, -1)
                case b"hash":
                    yield repr(redis.hgetall(key)).encode()
                case b"zset":
                    yield repr(redis.zrange(key, 0, -1)).encode()
                case b"set":
                    yield repr(redis.smembers(key)).encode()
                case b"none":  # it was there a moment ago
                    pass
                case kind:
                    raise AssertionError(f"{key!r} is a {kind!r}, which nobody searches")


async def histories(address: str) -> list[bytes]:
    temporal = await TemporalClient.connect(address)
    texts = []
    async for description in temporal.list_workflows():
        texts.append(description.raw_info.SerializeToString())
        handle = temporal.get_workflow_handle(description.id, run_id=description.run_id)
        texts += [event.SerializeToString() async for event in handle.fetch_history_events()]
    return texts


def files(home: Path, *patterns: str) -> Iterator[bytes]:
    for pattern in patterns:
        for file in home.glob(pattern):
            yield file.read_bytes()


async def places(fragile: Fragile, text: str) -> set[str]:
    """Return where the text, in any of its forms, is to be found."""
    stores = {
        "tables": tables(fragile.stack.database_url),
        "redis": redis_keys(fragile.stack.redis_url),
        "histories": iter(await histories(fragile.stack.temporal_address)),
        "temporal": files(fragile.all.home, "temporal/temporal.db*"),
        "logs": files(fragile.all.home, "logs/*.log", "*/*.log"),
    }
    return {name for name, store in stores.items() if found_in(store, text)}


def found_in(store: Iterator[bytes], text: str) -> bool:
    needles = forms(text)
    return any(form in data for data in store for form in needles)


def id_of(fragile: Fragile, email: str) -> str:
    with psycopg.connect(fragile.stack.database_url) as connection:
        query = "SELECT id FROM accounts WHERE email = %s"
        ((account_id,),) = connection.execute(query, [email]).fetchall()
        return str(account_id)


@pytest.fixture
def quiet(fragile: Fragile) -> Fragile:
    """The stack whose service has not been asked for anything yet."""
    while not fragile.service.paths.empty():
        fragile.service.paths.get()
    return fragile


async def test_a_canary_is_seen_by_its_owner_and_in_no_table_key_history_or_log(
    quiet: Fragile,
) -> None:
    canary, control = (f"{kind}{secrets.token_hex(12)}" for kind in ("canary", "control"))
    with new_agent(quiet.platform) as laptop:
        account_id = id_of(quiet, laptop.email)
        window = f"{{{account_id}}}/sync/"  # in the key of its rate limit
        until(lambda: laptop.pull() and found_in(redis_keys(quiet.stack.redis_url), window))
        laptop.request("PUT", "/api/secrets/key", json={"value": f"{canary}-key"})
        workflow = laptop.create_workflow(control, canary_document(canary, quiet.service.url))
        assert workflow["diagnostics"] == []
        answer = laptop.execute(workflow["id"], {"secret": f"{canary}-input"})
        assert answer["opened"] == {"seen": f"{canary}{canary}-literal"}
        assert quiet.service.paths.get_nowait() == f"/{canary}"
        failure = laptop.execute(workflow["id"], {"secret": canary, "fail": True})
        assert failure["status"] == "failed"
        plain = laptop.http.post(
            f"/api/workflows/{workflow['id']}/execute",
            json={"input": {"secret": f"{canary}-plain"}},
            headers={"Prefer": "wait=20", "X-Request-ID": control},
        ).json()
        assert canary in plain["result"]["seen"], "who asks in the clear is answered in the clear"
        execution = laptop.request("GET", f"/api/executions/{plain['executionId']}")
        assert execution["result"] == plain["result"]
        draft = laptop.create_workflow("broken", f"{HEAD}do:\n  - {canary}: {{sett: {canary}}}\n")
        assert draft["diagnostics"][0] == {
            "pointer": "/do/0/*/*",
            "detail": "unknown property; did you mean set?",
        }
        assert laptop.open(draft["diagnosticsSealed"])[0]["pointer"] == f"/do/0/{canary}/sett"
        unread = laptop.create_workflow("unread", f"{HEAD}{canary}: 1\n{canary}: 2\n")
        assert canary in json.dumps(laptop.open(unread["diagnosticsSealed"]))
        laptop.execute(draft["id"])
        laptop.push("settings", canary, version="1", clock={"laptop": 1})
    assert await places(quiet, control) == {"tables", "logs"}, (
        "the search finds what is in the clear"
    )
    assert await places(quiet, workflow["id"]) >= {"tables", "histories", "temporal"}
    assert await places(quiet, account_id) >= {"tables", "redis", "histories", "temporal", "logs"}
    assert await places(quiet, canary) == set()


def test_every_kind_of_step_has_a_canary() -> None:
    assert set(canaries.CASES) >= set(registry.CONSTRUCTS) | canaries.CALLS


async def test_a_canary_in_each_kind_of_step_is_nowhere_in_the_clear(quiet: Fragile) -> None:
    canary = f"canary{secrets.token_hex(12)}"
    with new_agent(quiet.platform) as laptop:
        assert laptop.create_workflow("other", canaries.other(canary))["diagnostics"] == []
        for kind in canaries.CASES:
            text = canaries.document(kind, canary, quiet.service.url)
            workflow = laptop.create_workflow(kind, text)
            assert workflow["diagnostics"] == []
            answer = laptop.execute(workflow["id"], {"secret": canary})
            assert answer["status"] == ("failed" if kind in canaries.FAILING else "completed"), kind
            if kind == "call":
                assert quiet.service.paths.get_nowait() == f"/{canary}"
            elif kind not in canaries.FAILING:
                assert canary in json.dumps(answer["opened"]), kind
    assert await places(quiet, answer["executionId"]) >= {"tables", "histories", "temporal"}
    assert await places(quiet, canary) == set()
