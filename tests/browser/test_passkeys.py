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
    made = {"credential": await page.evaluate(MAKE, options), "name": "Key on my ring"}
    return await call(page, "POST", "/api/auth/mfa/passkeys/confirm", token, made)


async def login(page: Page, email: str) -> Any:
    body = {"email": email, "password": PASSWORD}
    return (await call(page, "POST", "/api/auth/login", body=body))["body"]


async def shown(page: Page, token: str) -> dict[str, Any]:
    options = (await call(page, "POST", "/api/auth/mfa/challenge", token))["body"]
    return {"credential": await page.evaluate(SHOW, options)}


async def test_a_passkey_is_made_shown_and_taken_once(
    page: Page, authenticator: CDPSession
) -> None:
    email, token = await register(page)
    added = await add_passkey(page, token)
    assert (added["status"], added["body"]["factor"]["kind"]) == (200, "passkey"), added
    assert len(added["body"]["recoveryCodes"]) == 10

    owed = await login(page, email)
    assert owed["mfaRequired"] is True
    proof = await shown(page, owed["accessToken"])
    settled = await call(page, "POST", "/api/auth/mfa/verify", owed["accessToken"], proof)
    assert settled["status"] == 200, settled
    me = await call(page, "GET", "/api/auth/me", settled["body"]["accessToken"])
    assert me["body"]["email"] == email
    (mine,) = [
        session
        for session in (
            await call(page, "GET", "/api/auth/sessions", settled["body"]["accessToken"])
        )["body"]["sessions"]
        if session["current"]
    ]
    assert mine["amr"] == ["pwd", "pop", "mfa"]

    again = await login(page, email)
    replayed = await call(page, "POST", "/api/auth/mfa/verify", again["accessToken"], proof)
    assert (replayed["status"], replayed["body"]["code"]) == (401, "mfa_code_invalid")
    assert authenticator is not None


async def test_one_sessions_challenge_is_not_anothers(
    page: Page, authenticator: CDPSession
) -> None:
    email, token = await register(page)
    await add_passkey(page, token)
    first, second = await login(page, email), await login(page, email)
    proof = await shown(page, first["accessToken"])
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
