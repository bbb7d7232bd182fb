"""Headless Chromium, and an account registered in it."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest
from playwright.async_api import Page
from uuid_utils.compat import uuid7


def chromium() -> str:
    """Return the browser's path; where none is installed, and none is demanded, the test is passed over."""
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None and not os.environ.get("BROWSER_NEEDED"):
        pytest.skip(reason="no Chromium is installed here; bin/ci installs and demands it")
    assert found is not None, "Chromium is demanded and not installed"
    return found


PASSWORD = "a long pass phrase"
CALL = """async ([method, path, token, body]) => {
  const headers = {'X-Agent-ID': 'browser'};
  if (token) headers['Authorization'] = 'Bearer ' + token;
  if (body !== null) headers['Content-Type'] = 'application/json';
  const answer = await fetch(path, {method, headers, body: body === null ? undefined : JSON.stringify(body)});
  const text = await answer.text();
  return {status: answer.status, body: text ? JSON.parse(text) : null};
}"""


async def call(
    page: Page, method: str, path: str, token: str | None = None, body: Any = None
) -> Any:
    return await page.evaluate(CALL, [method, path, token, body])


async def register(page: Page) -> tuple[str, str]:
    """Return the email and the access token of a new account."""
    email = f"{uuid7()}@example.org"
    body = {"email": email, "password": PASSWORD, "publicKey": "mine"}
    answer = await call(page, "POST", "/api/auth/register", body=body)
    return email, answer["body"]["accessToken"]
