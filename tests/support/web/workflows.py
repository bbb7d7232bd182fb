"""Workflows as clients create and change them."""

from __future__ import annotations

from typing import Any

import httpx2
from flask.testing import FlaskClient
from joserfc import jwe
from joserfc.jwk import OctKey, OKPKey

from bin.devtools.stack.client import KEY_AGREEMENT, Client
from tests.support.web.people import Person

DRAFT = {"name": "a draft", "encryptedData": "not sealed", "encryptionKey": "-"}


def create(client: FlaskClient, person: Person, key: str | None, **changes: str) -> Any:
    headers = person.headers | ({} if key is None else {"Idempotency-Key": key})
    return client.post("/api/workflows", json=DRAFT | changes, headers=headers)


HEAD = "document: {dsl: '1.0.3', namespace: tests, name: %s, version: '1.0.0'}\n"


def saying(word: str, *, name: str = "said", top: str = "") -> str:
    return HEAD % name + f"{top}do:\n  - say: {{set: {{word: {word}}}}}\n"


def put(
    client: Client, workflow_id: str, document: str, tag: str = "*", **body: str
) -> httpx2.Response:
    workflow_body = {"name": "changed"} | client.seal_workflow(document) | body
    return client.http.put(
        f"/api/workflows/{workflow_id}", json=workflow_body, headers={"If-Match": tag}
    )


def sealed_to(key: OKPKey, document: str, cty: str = "application/yaml") -> dict[str, str]:
    dek = OctKey.generate_key(256)
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": key.kid or "none"}
    return {
        "encryptedData": jwe.encrypt_compact(
            {"alg": "dir", "enc": "A256GCM", "cty": cty},
            document,
            dek,
            algorithms=["dir", "A256GCM"],
        ),
        "encryptionKey": jwe.encrypt_compact(header, dek.raw_value, key, algorithms=KEY_AGREEMENT),
    }
