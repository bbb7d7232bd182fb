"""An authenticator app whose clock the test sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from pyotp import TOTP

from tests.support.web.people import Person


@dataclass(slots=True)
class App:
    """One enrolled secret; each code is a new one."""

    factor_id: str
    totp: TOTP
    steps: list[int] = field(default_factory=lambda: [0, 1])

    def code(self, now: float) -> str:
        """Return a valid code: of this time step, then of the next."""
        return self.totp.generate_otp(int(now) // 30 + self.steps.pop(0))


@dataclass(slots=True)
class ProtectedPerson:
    """A person with an authenticator app and recovery codes."""

    person: Person
    app: App
    recovery_codes: list[str]

    def login(self, client: FlaskClient, agent_id: str = "phone", **more: str) -> Any:
        """Log in from an agent."""
        body = {"email": self.person.email, "password": self.person.password} | more
        return client.post("/api/auth/login", json=body, headers={"X-Agent-ID": agent_id})


def protect(client: FlaskClient, person: Person, now: float) -> ProtectedPerson:
    """Enrol and confirm an app."""
    factor = client.post("/api/auth/mfa/totp", headers=person.headers).get_json()
    app = App(factor["id"], TOTP(factor["secret"]))
    path = f"/api/auth/mfa/totp/{app.factor_id}/confirm"
    answer = client.post(path, json={"code": app.code(now)}, headers=person.headers)
    assert answer.status_code == 200, answer.text
    return ProtectedPerson(person, app, answer.get_json()["recoveryCodes"])


def bearing(answer: Any, agent_id: str = "phone") -> dict[str, str]:
    """Return the headers of the agent that received an answer."""
    return {"Authorization": f"Bearer {answer.get_json()['accessToken']}", "X-Agent-ID": agent_id}


def verify(client: FlaskClient, headers: dict[str, str], code: str) -> Any:
    return client.post("/api/auth/mfa/verify", json={"code": code}, headers=headers)
