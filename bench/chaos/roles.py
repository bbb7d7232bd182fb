"""What the clients of the load do, each one thing over and over."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextlib import suppress
from itertools import count
from typing import Any
from uuid import uuid4

import httpx2

from bench.chaos.insisting import AGAIN_SECONDS, Insisting
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
    """One client and how it asks."""

    def __init__(self, client: Client, insisting: Insisting) -> None:
        self.client = client
        self.insisting = insisting

    @abstractmethod
    def turn(self) -> None:
        """Do the one thing once."""

    def ask(self, operation: str, method: str, path: str, **about: Any) -> dict[str, Any] | None:
        """Send a request until it is answered."""
        sent = {name: about.pop(name) for name in ("json", "headers") if name in about}
        return self.insisting.ask(
            operation,
            lambda: self.client.request(method, path, **sent),
            account=self.client.email,
            **about,
        )


class Registrar(Role):
    """Makes accounts; one that was made by a try whose answer was lost is known by its email."""

    def turn(self) -> None:
        """Register, and log in with it."""
        email, keys = f"{uuid4()}@example.org", Keys.fresh()
        with Client(str(self.client.http.base_url), "laptop", keys) as new:

            def register() -> dict[str, Any]:
                try:
                    return new.register(email, PASSWORD)
                except RefusedError as refused:
                    if refused.problem.get("code") != "email_taken":
                        raise
                    return new.login(email, PASSWORD)

            self.insisting.ask("register", register, account=email)


class Refresher(Role):
    """Exchanges its refresh token."""

    def turn(self) -> None:
        """Refresh."""
        self.insisting.ask("refresh", self.client.refresh, account=self.client.email)


class Pusher(Role):
    """Pushes the next version of one of its entities."""

    def __init__(self, client: Client, insisting: Insisting) -> None:
        super().__init__(client, insisting)
        self._numbers = count()

    def turn(self) -> None:
        """Push one version until it is acknowledged, the same each time."""
        number = next(self._numbers)
        counter, entity = divmod(number, ENTITIES)
        entity_id, counter = f"entity-{entity}", counter + 1
        body: dict[str, Any] = {"type": "settings", "entityId": entity_id, "version": str(counter)}
        body |= {"encryptedData": f"data {number}", "vectorClock": {self.client.agent_id: counter}}
        self.ask(
            "push", "POST", "/api/sync/push", json=body, entity=entity_id, version=str(counter)
        )


class Follower(Role):
    """Pulls by the cursor of the page before."""

    def __init__(self, client: Client, insisting: Insisting) -> None:
        super().__init__(client, insisting)
        self._cursor = ""

    def turn(self) -> None:
        """Pull a page, and note what is new on it."""
        query = f"?since={self._cursor.replace('+', '%2B')}" if self._cursor else ""
        page = self.ask("pull", "GET", f"/api/sync/pull{query}")
        if page is None:
            return
        self._cursor = page["cursor"]
        now, account = time.monotonic(), self.client.email
        for state in page["states"]:
            told = {
                "stamp": state["updatedAt"],
                "entity": state["entityId"],
                "version": state["version"],
            }
            self.insisting.note("seen", began=now, account=account, **told)


class Listener(Role):
    """Holds a live stream, opened again wherever it ends after what it heard last."""

    def __init__(self, client: Client, insisting: Insisting) -> None:
        super().__init__(client, insisting)
        self._heard: str | None = None

    def turn(self) -> None:
        """Listen until the stream ends."""
        broken = (httpx2.TransportError, RefusedError)
        with suppress(*broken):
            if self._heard is None:
                self._heard = self.client.request("GET", "/api/sync/pull")["head"]
            for event in self.client.events(since=self._heard):
                if self.insisting.over.is_set():
                    return
                if event.event == "message" and event.id and event.data:
                    self._heard = event.id
                    now = time.monotonic()
                    self.insisting.note(
                        "notice", began=now, account=self.client.email, stamp=event.id
                    )
        self.insisting.over.wait(AGAIN_SECONDS)


class Creator(Role):
    """Creates sealed workflows."""

    def turn(self) -> None:
        """Create one, under a key."""
        body = {"name": f"double {uuid4()}"} | self.client.seal_workflow(DOUBLE)
        headers = {"Idempotency-Key": str(uuid4())}
        self.ask("create", "POST", "/api/workflows", json=body, headers=headers, name=body["name"])


class Executor(Role):
    """Executes one workflow, and does not wait for it."""

    def __init__(self, client: Client, insisting: Insisting, workflow_id: str) -> None:
        super().__init__(client, insisting)
        self._workflow_id = workflow_id
        self._numbers = count()

    def turn(self) -> None:
        """Execute under a key, then see it complete."""
        number, began = next(self._numbers), time.monotonic()
        headers = {"Idempotency-Key": str(uuid4()), "Prefer": "wait=0"}
        path, body = f"/api/workflows/{self._workflow_id}/execute", {"input": {"n": number}}
        answer = self.ask("execute", "POST", path, json=body, headers=headers, number=number)
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
            told = self.ask("look", "GET", f"/api/executions/{execution_id}")
            if told is not None and told["status"] == "running":
                time.sleep(AGAIN_SECONDS)
                continue
            ended = told or {}
            self.insisting.note(
                "complete", began=began, number=number, result=ended.get("result"), **about
            )
            return
