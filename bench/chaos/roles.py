"""Roles of the load's clients; each repeats one kind of operation."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextlib import suppress
from itertools import count
from typing import Any
from uuid import uuid4

import httpx2

from bench.chaos.retrying_client import AGAIN_SECONDS, RetryingClient
from bin.devtools.stack.client import Client, Keys, RefusedError

PASSWORD = "a long pass phrase"  # noqa: S105 - of accounts that live as long as the measurement
ENTITIES = 20  # of an account, pushed in turn
DOUBLE = """\
document: {dsl: '1.0.3', namespace: chaos, name: double, version: '1.0.0'}
do:
  - nap: {wait: {milliseconds: 200}}
  - double: {set: {double: '${ .n * 2 }'}}
"""


class Role(ABC):
    """One client, and the operation that it repeats."""

    def __init__(self, client: Client, insisting: RetryingClient) -> None:
        self.client = client
        self.insisting = insisting

    @abstractmethod
    def turn(self) -> None:
        """Do the operation once."""

    def send(self, operation: str, method: str, path: str, **about: Any) -> dict[str, Any] | None:
        """Send a request until it is answered."""
        options = {name: about.pop(name) for name in ("json", "headers") if name in about}
        return self.insisting.send(
            operation,
            lambda: self.client.request(method, path, **options),
            account=self.client.email,
            **about,
        )


class Registrar(Role):
    """Role that makes accounts; a lost answer is followed by a login with the same email."""

    def turn(self) -> None:
        """Register one account."""
        email, keys = f"{uuid4()}@example.org", Keys.fresh()
        with Client(str(self.client.http.base_url), "laptop", keys) as new:

            def register() -> dict[str, Any]:
                try:
                    return new.register(email, PASSWORD)
                except RefusedError as refusal:
                    if refusal.problem.get("code") != "email_taken":
                        raise
                    return new.login(email, PASSWORD)

            self.insisting.send("register", register, account=email)


class Refresher(Role):
    """Role that exchanges its refresh token."""

    def turn(self) -> None:
        """Refresh."""
        self.insisting.send("refresh", self.client.refresh, account=self.client.email)


class Pusher(Role):
    """Role that pushes the next version of one of its entities."""

    def __init__(self, client: Client, insisting: RetryingClient) -> None:
        super().__init__(client, insisting)
        self._numbers = count()

    def turn(self) -> None:
        """Push one version until it is acknowledged; each try sends the same."""
        number = next(self._numbers)
        counter, entity = divmod(number, ENTITIES)
        entity_id, counter = f"entity-{entity}", counter + 1
        body: dict[str, Any] = {"type": "settings", "entityId": entity_id, "version": str(counter)}
        body |= {"encryptedData": f"data {number}", "vectorClock": {self.client.agent_id: counter}}
        self.send(
            "push", "POST", "/api/sync/push", json=body, entity=entity_id, version=str(counter)
        )


class Follower(Role):
    """Role that pulls after the cursor of its last page."""

    def __init__(self, client: Client, insisting: RetryingClient) -> None:
        super().__init__(client, insisting)
        self._cursor = ""

    def turn(self) -> None:
        """Pull a page, and record the new states on it."""
        query = f"?since={self._cursor.replace('+', '%2B')}" if self._cursor else ""
        page = self.send("pull", "GET", f"/api/sync/pull{query}")
        if page is None:
            return
        self._cursor = page["cursor"]
        now, account = time.monotonic(), self.client.email
        for state in page["states"]:
            entry = {
                "stamp": state["updatedAt"],
                "entity": state["entityId"],
                "version": state["version"],
            }
            self.insisting.note("seen", began=now, account=account, **entry)


class Listener(Role):
    """Role that holds a live stream, and opens it again after the last event it received."""

    def __init__(self, client: Client, insisting: RetryingClient) -> None:
        super().__init__(client, insisting)
        self._last_event_id: str | None = None

    def turn(self) -> None:
        """Listen until the stream ends."""
        failures = (httpx2.TransportError, RefusedError)
        with suppress(*failures):
            if self._last_event_id is None:
                self._last_event_id = self.client.request("GET", "/api/sync/pull")["head"]
            for event in self.client.events(since=self._last_event_id):
                if self.insisting.over.is_set():
                    return
                if event.event == "message" and event.id and event.data:
                    self._last_event_id = event.id
                    now = time.monotonic()
                    self.insisting.note(
                        "notice", began=now, account=self.client.email, stamp=event.id
                    )
        self.insisting.over.wait(AGAIN_SECONDS)


class Creator(Role):
    """Role that creates sealed workflows."""

    def turn(self) -> None:
        """Create one under an idempotency key."""
        body = {"name": f"double {uuid4()}"} | self.client.seal_workflow(DOUBLE)
        headers = {"Idempotency-Key": str(uuid4())}
        self.send("create", "POST", "/api/workflows", json=body, headers=headers, name=body["name"])


class Executor(Role):
    """Role that executes one workflow without waiting for it."""

    def __init__(self, client: Client, insisting: RetryingClient, workflow_id: str) -> None:
        super().__init__(client, insisting)
        self._workflow_id = workflow_id
        self._numbers = count()

    def turn(self) -> None:
        """Execute under an idempotency key, then poll until the execution ends."""
        number, began = next(self._numbers), time.monotonic()
        headers = {"Idempotency-Key": str(uuid4()), "Prefer": "wait=0"}
        path, body = f"/api/workflows/{self._workflow_id}/execute", {"input": {"n": number}}
        answer = self.send("execute", "POST", path, json=body, headers=headers, number=number)
        if answer is None:
            return
        execution_id = answer["executionId"]
        about = {
            "account": self.client.email,
            "execution": execution_id,
            "workflow": self._workflow_id,
        }
        self.insisting.note("executed", began=began, number=number, **about)
        while True:
            execution = self.send("look", "GET", f"/api/executions/{execution_id}")
            if execution is not None and execution["status"] == "running":
                time.sleep(AGAIN_SECONDS)
                continue
            result = (execution or {}).get("result")
            self.insisting.note("complete", began=began, number=number, result=result, **about)
            return
