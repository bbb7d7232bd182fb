"""Keys are exchanged while everybody stays in."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bin.devtools.ops.keys import STEPS, main, rewrap, step
from engine.accounts import encryption_keys
from engine.config.settings import Settings
from engine.crypto.keyring import Keyring
from engine.notifications import vapid
from engine.store.accounts import Factor
from tests.support.receivers import Browser
from tests.support.web.authenticator import App, bearing, verify
from tests.support.web.people import Person

WRAPPING = ("KEYRING", "FACTOR_KEYS", "CHANNEL_KEYS")
TOKENS = ("ACCESS_TOKEN_KEYS", "REFRESH_TOKEN_KEYS")


def take_step(verb: str, environ: dict[str, str], *names: str) -> dict[str, str]:
    settings = dict(environ)
    for name in names:
        settings |= step(verb, name, settings)
    return settings


def enters(app: Flask, person: Person) -> tuple[int, int]:
    """Return how an app of other keys answers the person's tokens."""
    client = app.test_client()
    refresh = client.post("/api/auth/refresh", json={"refreshToken": person.answer["refreshToken"]})
    return client.get("/api/auth/me", headers=person.headers).status_code, refresh.status_code


@pytest.mark.stack
def test_after_a_rotation_nobody_is_out_and_after_the_retirement_old_tokens_are(
    make: Callable[..., Flask], environ: dict[str, str], person: Person
) -> None:
    rotation = take_step("rotate", environ, *TOKENS)
    assert enters(make(**rotation), person) == (200, 200)
    assert enters(make(**take_step("retire", rotation, *TOKENS)), person) == (401, 401)


@pytest.mark.stack
def test_old_and_new_processes_side_by_side_take_each_others_tokens(
    make: Callable[..., Flask], environ: dict[str, str]
) -> None:
    announcement = take_step("announce", environ, *TOKENS)
    promotion = take_step("promote", announcement, *TOKENS)
    before, after = make(**announcement), make(**promotion)
    assert enters(before, Person(after.test_client())) == (200, 200)
    assert enters(after, Person(before.test_client())) == (200, 200)


@pytest.mark.stack
def test_new_tokens_are_of_the_new_key_and_both_are_published(
    make: Callable[..., Flask], environ: dict[str, str]
) -> None:
    rotated_client = make(**take_step("rotate", environ, "ACCESS_TOKEN_KEYS")).test_client()
    jwks = rotated_client.get("/.well-known/jwks.json").get_json()["keys"]
    assert [key["use"] for key in jwks] == ["sig", "sig", "enc"]
    assert not [key for key in jwks if "d" in key]


@pytest.mark.stack
@pytest.mark.parametrize("owner", ["ENGINE", "VAPID"])
def test_key_pairs_are_exchanged_with_their_public_halves(
    environ: dict[str, str], owner: str
) -> None:
    public, private = f"{owner}_PUBLIC_KEYS", f"{owner}_PRIVATE_KEYS"
    rotation = take_step("rotate", environ, public)
    kids = {
        name: [key["kid"] for key in json.loads(rotation[name])["keys"]]
        for name in (public, private)
    }
    assert kids[public] == kids[private]
    assert len(kids[public]) == 2
    assert '"d"' not in rotation[public]


@pytest.mark.stack
def test_browsers_subscribed_to_the_old_key_and_to_the_new_one_are_both_taken(
    environ: dict[str, str], make: Callable[..., Flask], person: Person
) -> None:
    client = make(**take_step("rotate", environ, "VAPID_PRIVATE_KEYS")).test_client()
    old = next(iter(vapid.public_keys(Settings.from_env(environ)).values()))
    new = client.get("/api/channels/vapid", headers=person.headers).get_json()["publicKey"]
    assert old != new
    for number, key in enumerate((old, new)):
        endpoint = f"https://push.example.org/{number}"
        body = {"kind": "webPush", "subscription": Browser().subscription(endpoint)}
        answer = client.post(
            "/api/channels", json=body | {"applicationServerKey": key}, headers=person.headers
        )
        assert answer.status_code == 201


@pytest.mark.stack
def test_what_is_in_the_database_is_wrapped_anew(
    environ: dict[str, str],
    sessions: sessionmaker[Session],
    protected_person: Any,
    make: Callable[..., Flask],
) -> None:
    account_id = UUID(protected_person.person.id)
    with sessions.begin() as session:
        ring = Keyring(Settings.from_env(environ).secrets("keyring"))
        key = encryption_keys.obtain(session, ring, account_id=account_id)
    hook = {"kind": "webhook", "url": "https://hooks.example.org/"}
    before = make().test_client()
    channel = before.post("/api/channels", json=hook, headers=protected_person.person.headers)
    assert channel.status_code == 201
    new_environ = take_step("rotate", environ, *WRAPPING)
    counts = rewrap(Settings.from_env(new_environ))
    assert min(counts.values()) > 0
    alone = take_step("retire", new_environ, *WRAPPING)
    try:
        assert set(rewrap(Settings.from_env(alone)).values()) == {0}
        with sessions() as session:
            ring = Keyring(Settings.from_env(alone).secrets("keyring"))
            assert encryption_keys.obtain(session, ring, account_id=account_id) == key
        app: App = protected_person.app
        client: FlaskClient = make(**alone).test_client()
        pending = bearing(protected_person.login(client))
        assert verify(client, pending, app.code(time.time())).status_code == 200
    finally:  # the other tests' apps know the first keys only
        rewrap(Settings.from_env(take_step("promote", new_environ, *WRAPPING)))
        with sessions() as session:
            kid = environ["FACTOR_KEYS"].partition(":")[0]
            secrets_of_factors = session.scalars(
                select(Factor.secret).where(Factor.kind == "totp")
            ).all()
            assert {str(secret).partition(".")[0] for secret in secrets_of_factors} == {kid}


@pytest.mark.unit
@pytest.mark.parametrize(
    "words", [["rotate"], ["turn", "KEYRING"], ["rotate", "PORT"], ["retire", "NOTHING"]]
)
def test_what_is_no_step_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) != 0
    assert capsys.readouterr().out == ""


@pytest.mark.stack
def test_a_step_prints_what_to_set(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for verb in STEPS:
        monkeypatch.setenv("KEYRING", environ["KEYRING"])
        assert main([verb, "KEYRING"]) == 0
        assert capsys.readouterr().out.startswith("KEYRING='")
