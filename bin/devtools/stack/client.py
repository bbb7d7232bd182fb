"""A client as an application would write one: HTTP by httpx2, cryptography by standard JOSE."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx2
from httpx2 import ServerSentEvent
from joserfc import jwe
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey

from bin.devtools.stack import sealed_states

KEY_AGREEMENT = ["ECDH-ES+A256KW", "A256GCM"]
DIRECT = ["dir", "A256GCM"]
# Created once: to read the certificates takes each httpx2.Client 30 ms.
CERTIFICATES = httpx2.create_ssl_context()


class RefusedError(Exception):
    """Error answer of the API: a problem (RFC 9457), or a text of a server in between."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
        self.problem: dict[str, Any] = (
            response.json() if is_problem else {"detail": response.reason_phrase}
        )
        super().__init__(
            f"{response.status_code} {self.problem.get('code')}: {self.problem.get('detail')}"
        )


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that a person's agents share; the platform sees only the public half of `identity`."""

    identity: OKPKey  # results are sealed to it
    states: OctKey  # states are encrypted with it

    @classmethod
    def fresh(cls) -> Keys:
        """Draw new keys."""
        return cls(OKPKey.generate_key("X25519"), OctKey.generate_key(256))


class Client:
    """One agent of one account."""

    def __init__(self, api_url: str, agent_id: str, keys: Keys) -> None:
        self.agent_id = agent_id
        self.keys = keys
        self.http = httpx2.Client(
            base_url=api_url, headers={"X-Agent-ID": agent_id}, timeout=40, verify=CERTIFICATES
        )
        self.email = self.password = self.refresh_token = ""
        self._engine_key: OKPKey | ECKey | None = None

    def __enter__(self) -> Self:
        """Open nothing: the connection is made with the first request."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.http.close()

    def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Send a request and return the JSON answer.

        :raises RefusedError: for any status of 400 and above.
        """
        response = self.http.request(method, path, **options)
        if response.is_error:
            raise RefusedError(response)
        body: dict[str, Any] = response.json()
        return body

    # Auth

    def register(self, email: str, password: str) -> dict[str, Any]:
        """Create the account and store its tokens."""
        public_key = json.dumps(self.keys.identity.as_dict(private=False))
        body = {"email": email, "password": password, "publicKey": public_key}
        self.email, self.password = email, password
        return self._store_tokens(self.request("POST", "/api/auth/register", json=body))

    def login(self, email: str, password: str) -> dict[str, Any]:
        """Start a session of this agent and store its tokens."""
        self.email, self.password = email, password
        return self._store_tokens(
            self.request("POST", "/api/auth/login", json={"email": email, "password": password})
        )

    def refresh(self) -> dict[str, Any]:
        """Exchange the refresh token for new tokens."""
        return self._store_tokens(
            self.request("POST", "/api/auth/refresh", json={"refreshToken": self.refresh_token})
        )

    def _store_tokens(self, answer: dict[str, Any]) -> dict[str, Any]:
        self.refresh_token = answer["refreshToken"]
        self.http.headers["Authorization"] = f"Bearer {answer['accessToken']}"
        return answer

    # Sync

    def push(
        self,
        entity_id: str,
        value: Any,
        *,
        version: str,
        clock: dict[str, int],
        kind: str = "settings",
    ) -> dict[str, Any]:
        """Encrypt a state and push it."""
        bound_to = sealed_states.associated_data(kind, entity_id, version, clock, self.agent_id)
        jwe_of_state = sealed_states.seal(value, self.keys.states, bound_to)
        body = {"type": kind, "entityId": entity_id, "encryptedData": jwe_of_state}
        return self.request(
            "POST", "/api/sync/push", json=body | {"version": version, "vectorClock": clock}
        )

    def pull(self, **query: str) -> dict[str, Any]:
        """Return a page of states, each with its plaintext as `opened`; None for a tombstone."""
        page = self.request("GET", "/api/sync/pull", params=query)
        for state in page["states"]:
            state["opened"] = None if state["deleted"] else self.open_state(state)
        return page

    def open_state(self, state: Mapping[str, Any]) -> Any:
        """Decrypt a state of an agent of this account, and check what it is bound to."""
        members = [
            state[name] for name in ("type", "entityId", "version", "vectorClock", "agentId")
        ]
        return sealed_states.decrypt(
            state["encryptedData"], self.keys.states, sealed_states.associated_data(*members)
        )

    def events(self, *, since: str | None = None) -> Iterator[ServerSentEvent]:
        """Yield the account's live notices until the stream ends; the first item is `open`."""
        headers = {} if since is None else {"Last-Event-ID": since}
        with self.http.sse("/api/sync/events", headers=headers) as source:
            if source.response.is_error:
                source.response.read()
                raise RefusedError(source.response)
            yield ServerSentEvent(event="open")
            yield from source

    # Workflows

    def engine_key(self) -> OKPKey | ECKey:
        """Return the engine key to which definitions and inputs are sealed; requested once."""
        if self._engine_key is None:
            jwks = self.request("GET", "/.well-known/jwks.json")["keys"]
            jwk = next(key for key in jwks if key.get("use") == "enc")
            key = KeySet.import_key_set({"keys": [jwk]}).keys[0]
            if not isinstance(key, OKPKey | ECKey):
                raise TypeError("the engine key is of an unknown kind")
            self._engine_key = key
        return self._engine_key

    def seal_workflow(self, document: str) -> dict[str, str]:
        """Seal a YAML document with a new data key, and the data key to the engine."""
        dek = OctKey.import_key(secrets.token_bytes(32))
        header = {"alg": "dir", "enc": "A256GCM", "cty": "application/yaml"}
        return {
            "encryptedData": jwe.encrypt_compact(header, document, dek, algorithms=DIRECT),
            "encryptionKey": self.seal(dek.raw_value),
        }

    def seal(self, plaintext: bytes) -> str:
        """Seal bytes to the engine (JWE compact, ECDH-ES+A256KW, A256GCM)."""
        key = self.engine_key()
        header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": key.kid}
        return jwe.encrypt_compact(header, plaintext, key, algorithms=KEY_AGREEMENT)

    def create_workflow(self, name: str, document: str) -> dict[str, Any]:
        """Seal a document and create the workflow."""
        answer = self.request(
            "POST", "/api/workflows", json={"name": name} | self.seal_workflow(document)
        )
        workflow: dict[str, Any] = answer["workflow"]
        return workflow

    def change_workflow(
        self, workflow_id: str, name: str, document: str, *, etag: str = "*"
    ) -> dict[str, Any]:
        """Seal a document as a workflow's newest version, in place of the version of `etag`."""
        answer = self.request(
            "PUT",
            f"/api/workflows/{workflow_id}",
            json={"name": name} | self.seal_workflow(document),
            headers={"If-Match": etag},
        )
        workflow: dict[str, Any] = answer["workflow"]
        return workflow

    def execute(self, workflow_id: str, value: Any = None, *, wait: float = 20) -> dict[str, Any]:
        """Execute with a sealed input, and open the result when it comes within `wait` seconds."""
        answer = self.request(
            "POST",
            f"/api/workflows/{workflow_id}/execute",
            json={"input": self.seal(json.dumps(value).encode())},
            headers={"Prefer": f"wait={wait:g}"},
        )
        if answer["status"] == "completed":
            answer["opened"] = self.open_result(answer)
        return answer

    def follow(self, execution_id: str, *, after: int | None = None) -> Iterator[ServerSentEvent]:
        """Yield the events of an execution's steps; the first item is `open`."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        with self.http.sse(f"/api/executions/{execution_id}/events", headers=headers) as source:
            if source.response.is_error:
                source.response.read()
                raise RefusedError(source.response)
            yield ServerSentEvent(event="open")
            yield from source

    def create_schedule(self, workflow_id: str, **timing: Any) -> dict[str, Any]:
        """Execute a workflow by the clock: `every` so often, or by a `cron` expression."""
        return self.request("POST", "/api/schedules", json={"workflowId": workflow_id} | timing)

    def delete_schedule(self, schedule: Mapping[str, Any]) -> None:
        """Delete a schedule in its current version."""
        path = f"/api/schedules/{schedule['id']}"
        headers = {"If-Match": self.http.get(path).headers["ETag"]}
        self.http.delete(path, headers=headers).raise_for_status()

    def bulk(self, action: str, **query: str) -> dict[str, Any]:
        """Apply an action to all executions that a query matches."""
        return self.request("POST", "/api/bulk", json={"action": action, "query": query})

    def open_result(self, answer: dict[str, Any]) -> Any:
        """Open the sealed result of an execution that has completed."""
        return self.open(answer["result"])

    def open(self, token: str) -> Any:
        """Open a JWE that is sealed to this account: a result, an error or diagnostics."""
        return json.loads(_plaintext(token, self.keys.identity, KEY_AGREEMENT))


def _plaintext(token: str, key: OctKey | OKPKey, algorithms: list[str]) -> bytes:
    registry = jwe.JWERegistry(algorithms=algorithms)
    registry.max_ciphertext_length = len(token)  # the library's own limit is far below a result's
    plaintext = jwe.decrypt_compact(token, key, registry=registry).plaintext
    if plaintext is None:
        raise ValueError("the token has no plaintext")
    return plaintext
