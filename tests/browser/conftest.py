"""Headless Chromium with an authenticator of its own."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import CDPSession, Page, async_playwright

from tests.support.browser import chromium
from tests.support.platform import Platform


@pytest.fixture
async def page(platform: Platform) -> AsyncIterator[Page]:
    """A page of the platform's own, by the name that passkeys are made for."""
    path = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(platform.environ["PASSKEY_ORIGINS"] + "/docs")
        yield page
        await browser.close()


@pytest.fixture
async def authenticator(page: Page) -> AsyncIterator[CDPSession]:
    """A virtual security key that says yes (WebAuthn Level 3, section 11)."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "usb",
        "hasResidentKey": False,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield devtools
    await devtools.detach()
