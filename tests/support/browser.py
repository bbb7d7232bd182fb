"""Headless Chromium, and an account registered in it."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest
from playwright.async_api import Page
from uuid_utils.compat import uuid7


def chromium() -> str:
    """Return Chromium's path; without one, skip the test or fail by BROWSER_NEEDED."""
    path = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if path is None and not os.environ.get("BROWSER_NEEDED"):
        pytest.skip(reason="no Chromium is installed here; bin/ci installs and demands it")
    assert path is not None, "Chromium is demanded and not installed"
    return path


PASSWORD = "a long pass phrase"
CALL = """async ([method, path, token, body]) => {
  const headers = {'X-Agent-ID': 'browser'};
  if (token) headers['Authorization'] = 'Bearer ' + token;
  if (body !== null) headers['Content-Type'] = 'application/json';
  const text_of = value => value === null ? undefined : JSON.stringify(value);
  const answer = await fetch(path, {method, headers, body: text_of(body)});
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
