"""Passkeys as second factors, in a real browser: made, shown at login, refused when replayed."""

from typing import Any

import pytest
from playwright.async_api import CDPSession, Page

from tests.support.browser import PASSWORD, call, register

pytestmark = pytest.mark.platform


MAKE = """async (options) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({publicKey})).toJSON();
}"""
SHOW = """async (options) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({publicKey})).toJSON();
}"""


async def add_passkey(page: Page, token: str) -> Any:
    options = (await call(page, "POST", "/api/auth/mfa/passkeys", token))["body"]
    passkey = {"credential": await page.evaluate(MAKE, options), "name": "Key on my ring"}
    return await call(page, "POST", "/api/auth/mfa/passkeys/confirm", token, passkey)


async def login(page: Page, email: str) -> Any:
    body = {"email": email, "password": PASSWORD}
    return (await call(page, "POST", "/api/auth/login", body=body))["body"]


async def roster(page: Page, token: str) -> dict[str, Any]:
    options = (await call(page, "POST", "/api/auth/mfa/challenge", token))["body"]
    return {"credential": await page.evaluate(SHOW, options)}


async def test_a_passkey_is_made_shown_and_taken_once(
    page: Page, authenticator: CDPSession
) -> None:
    email, token = await register(page)
    passkey = await add_passkey(page, token)
    assert (passkey["status"], passkey["body"]["factor"]["kind"]) == (200, "passkey"), passkey
    assert len(passkey["body"]["recoveryCodes"]) == 10

    pending = await login(page, email)
    assert pending["mfaRequired"] is True
    proof = await roster(page, pending["accessToken"])
    answer = await call(page, "POST", "/api/auth/mfa/verify", pending["accessToken"], proof)
    assert answer["status"] == 200, answer
    me = await call(page, "GET", "/api/auth/me", answer["body"]["accessToken"])
    assert me["body"]["email"] == email
    (mine,) = [
        session
        for session in (
            await call(page, "GET", "/api/auth/sessions", answer["body"]["accessToken"])
        )["body"]["sessions"]
        if session["current"]
    ]
    assert mine["amr"] == ["pwd", "pop", "mfa"]

    again = await login(page, email)
    replay = await call(page, "POST", "/api/auth/mfa/verify", again["accessToken"], proof)
    assert (replay["status"], replay["body"]["code"]) == (401, "mfa_code_invalid")
    assert authenticator is not None


async def test_one_sessions_challenge_is_not_anothers(
    page: Page, authenticator: CDPSession
) -> None:
    email, token = await register(page)
    await add_passkey(page, token)
    first, second = await login(page, email), await login(page, email)
    proof = await roster(page, first["accessToken"])
    await call(page, "POST", "/api/auth/mfa/challenge", second["accessToken"])
    answer = await call(page, "POST", "/api/auth/mfa/verify", second["accessToken"], proof)
    assert (answer["status"], answer["body"]["code"]) == (401, "mfa_code_invalid")
    assert authenticator is not None


async def test_a_passkey_belongs_to_one_account(page: Page, authenticator: CDPSession) -> None:
    _, token = await register(page)
    options = (await call(page, "POST", "/api/auth/mfa/passkeys", token))["body"]
    credential = await page.evaluate(MAKE, options)
    assert (
        await call(
            page, "POST", "/api/auth/mfa/passkeys/confirm", token, {"credential": credential}
        )
    )["status"] == 200
    _, other = await register(page)
    await call(page, "POST", "/api/auth/mfa/passkeys", other)
    answer = await call(
        page, "POST", "/api/auth/mfa/passkeys/confirm", other, {"credential": credential}
    )
    assert (answer["status"], answer["body"]["code"]) == (403, "credential_invalid")
    assert authenticator is not None
