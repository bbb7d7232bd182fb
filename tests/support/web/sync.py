"""Pushes and pulls of the web API."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from tests.support.web.people import Person

PUSH: dict[str, Any] = {
    "type": "settings",
    "entityId": "theme",
    "encryptedData": "opaque",
    "version": "1",
    "vectorClock": {"laptop": 1},
}


def push(client: FlaskClient, person: Person, **changes: Any) -> Any:
    return client.post("/api/sync/push", json=PUSH | changes, headers=person.headers)


def pull(client: FlaskClient, person: Person, query: str = "") -> Any:
    return client.get(f"/api/sync/pull{query}", headers=person.headers)
