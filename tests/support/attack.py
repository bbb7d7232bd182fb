"""Accounts of an attacker and of victims on the running platform."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx2
from pyotp import TOTP
from uuid_utils.compat import uuid7

PASSWORD = "a long pass phrase"


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and the answer to its registration."""

    email: str
    answer: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        """The headers of its first agent."""
        return {"Authorization": f"Bearer {self.answer['accessToken']}", "X-Agent-ID": "laptop"}


def register(http: httpx2.Client) -> Account:
    email = f"{uuid7()}@example.org"
    body = {"email": email, "password": PASSWORD, "publicKey": "mine"}
    answer = http.post("/api/auth/register", json=body, headers={"X-Agent-ID": "laptop"})
    return Account(email, answer.raise_for_status().json())


def protect(http: httpx2.Client, account: Account) -> str:
    """Enrol an authenticator app; return the factor's id."""
    factor = http.post("/api/auth/mfa/totp", headers=account.headers).raise_for_status().json()
    code = TOTP(factor["secret"]).generate_otp(int(time.time()) // 30)
    path = f"/api/auth/mfa/totp/{factor['id']}/confirm"
    http.post(path, json={"code": code}, headers=account.headers).raise_for_status()
    return str(factor["id"])


def login(http: httpx2.Client, account: Account, agent_id: str = "laptop") -> dict[str, Any]:
    body = {"email": account.email, "password": PASSWORD}
    answer = http.post("/api/auth/login", json=body, headers={"X-Agent-ID": agent_id})
    body_of_answer: dict[str, Any] = answer.raise_for_status().json()
    return body_of_answer
