"""A live stream in a real browser: a ticket by fetch, EventSource by the ticket, the page hears."""

import re
from typing import Any

import pytest
from playwright.async_api import Page

from bin.devtools.stack.client import Client
from tests.support.browser import register
from tests.support.platform import ROOT, Platform, new_agent

pytestmark = pytest.mark.platform


FOLLOW = """async ([api, token, since]) => {
  %s
  window.notification = new Promise((onNotification) => {
    window.opened = follow(
      {api, token: async () => token, agentId: 'browser', since, onNotification});
  });
  await window.opened;
}"""
SPEND = """async (token) => {
  const headers = {'Authorization': `Bearer ${token}`, 'X-Agent-ID': 'browser'};
  const answer = await fetch('/api/sync/events/ticket', {method: 'POST', headers});
  const url = '/api/sync/events?ticket=' + (await answer.json()).ticket;
  const ended = (source) => new Promise((end) => {
    source.onopen = () => end('open');
    source.onerror = () => end(source.readyState === EventSource.CLOSED ? 'stopped' : 'comes back');
  });
  return [await ended(new EventSource(url)), await ended(new EventSource(url))];
}"""


def snippet() -> str:
    """Return the code that the docs give to authors of pages."""
    page = ROOT / "docs" / "how-to" / "follow-changes-in-a-browser.md"
    (code,) = re.findall(r"```js\n(.*?)```", page.read_text(), flags=re.DOTALL)
    return str(code)


async def hears(platform: Platform, page: Page, api_url: str) -> None:
    """Let a page follow, by the snippet, what another agent pushes."""
    with new_agent(platform) as laptop, Client(platform.api_url, "browser", laptop.keys) as browser:
        browser.login(laptop.email, laptop.password)
        token = browser.http.headers["Authorization"].removeprefix("Bearer ")
        laptop.push("before", 1, version="1", clock={"laptop": 1})
        since = laptop.pull()["cursor"]
        await page.evaluate(FOLLOW % snippet(), [api_url, token, since])
        laptop.push("theme", {"dark": True}, version="1", clock={"laptop": 2})
        head = laptop.pull()["head"]
    notification: Any = await page.evaluate("() => window.notification")
    assert notification == {"head": head, "types": ["settings"]}


async def test_a_page_hears_of_what_another_agent_pushes(platform: Platform, page: Page) -> None:
    await hears(platform, page, "")


async def test_a_page_of_another_origin_that_is_let_in_hears_too(
    platform: Platform, page: Page
) -> None:
    (origin,) = platform.environ["CORS_ORIGINS"].split(",")
    await page.route(
        f"{origin}/", lambda route: route.fulfill(content_type="text/html", body="<p>mine")
    )
    await page.goto(f"{origin}/")
    # A browser asks its user before a page may call the user's own machine, where the API is here.
    await page.context.grant_permissions(["local-network-access"], origin=origin)
    await hears(platform, page, platform.api_url)


async def test_a_page_stops_at_a_spent_ticket(page: Page) -> None:
    _, token = await register(page)
    assert await page.evaluate(SPEND, token) == ["open", "stopped"]
