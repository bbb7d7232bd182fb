"""Registered accounts, and the type of the function that creates apps."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from uuid_utils.compat import uuid7

Make = Callable[..., Flask]


class Person:
    """A registered account and an agent of it."""

    def __init__(self, client: FlaskClient, agent_id: str = "laptop") -> None:
        self.email = f"{uuid7()}@example.org"
        self.password = "a long pass phrase"
        body = {"email": self.email, "password": self.password, "publicKey": "mine"}
        answer = client.post("/api/auth/register", json=body, headers={"X-Agent-ID": agent_id})
        assert answer.status_code == 201, answer.text
        self.answer = answer.get_json()
        self.id: str = self.answer["user"]["id"]
        self.headers = {
            "Authorization": f"Bearer {self.answer['accessToken']}",
            "X-Agent-ID": agent_id,
        }
