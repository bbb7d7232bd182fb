"""The Temporal UI in a real browser: what it shows of an execution, with and without the codec."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import pytest
from playwright.async_api import Error, Locator, Page, async_playwright, expect
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bin.devtools.stack.client import Client
from bin.devtools.stack.platform import processes
from bin.devtools.stack.server import accepts
from bin.devtools.stack.servers import Stack
from engine.accounts.payload_disclosure import EVENT_KIND
from engine.store.accounts import AuditEvent
from engine.store.workflows import Definition
from tests.support.browser import chromium
from tests.support.platform import ROOT, Platform
from tests.support.receivers import Receiver
from tests.support.waiting import until

pytestmark = pytest.mark.platform


PICTURES = ROOT / ".cloudapi" / "test" / "pictures"
SECRET = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
SHOWN_MS = 30_000


@dataclass(frozen=True, slots=True)
class SampleExecution:
    """An execution under way, and a word of its owner's that is in all that can be sealed."""

    word: str
    url: str
    workflow_id: str


@pytest.fixture
def codec_url(stack: Stack, platform: Platform) -> Iterator[str]:
    """The codec server, running, with an operator's name and secret in its address."""
    changes = {"CODEC_OPERATORS": f"demo:{SECRET}", "CODEC_PORT": str(stack.codec_port)}
    with processes(platform.environ | changes, platform.logs, ("codec",)):
        assert until(lambda: accepts(stack.codec_port))
        yield f"http://demo:{SECRET}@127.0.0.1:{stack.codec_port}/"


@pytest.fixture
def sample_execution(laptop: Client, receiver: Receiver) -> SampleExecution:
    """An execution that has made a call, walked a loop and waits in two branches."""
    word = "w" + secrets.token_hex(6)
    request = f"{{method: post, endpoint: {receiver.box().url}, body: {{a: {word}}}}}"
    call = f"{{call: http, with: {request}}}"
    document = f"""
document: {{dsl: '1.0.3', namespace: tests, name: order-{word}, version: '1.0.0'}}
do:
  - ask-{word}: {call}
  - each-{word}:
      for: {{in: '[1, 2]'}}
      do: [{{note: {{set: {{kept: {word}}}}}}}]
  - both-{word}:
      fork:
        branches:
          - nap-{word}: {{wait: {{hours: 1}}}}
          - long: {{do: [{{doze-{word}: {{wait: {{hours: 2}}}}}}]}}
"""
    workflow_id = laptop.create_workflow(word, document)["id"]
    answer = laptop.execute(workflow_id, {"given": word}, wait=0)
    return SampleExecution(word, answer["temporalUrl"], workflow_id)


@pytest.fixture
async def ui() -> AsyncIterator[Page]:
    """A page of a browser that has never been here."""
    path = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield await browser.new_page(viewport={"width": 1400, "height": 1100})
        await browser.close()


async def picture(page: Page, name: str) -> str:
    """Keep a picture of the page to be looked at; return all text of it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    texts = []
    for frame in page.frames:  # in which the UI shows Markdown, and which it renews at will
        with suppress(Error):
            texts.append(await frame.locator("body").inner_text(timeout=SHOWN_MS))
    return "\n".join(texts)


async def log_in(page: Page, codec_url: str, ui_url: str) -> None:
    """Do what the codec server's page tells an operator to do."""
    await page.goto(codec_url)
    text = await page.locator("body").inner_text()
    await page.goto(ui_url)
    await page.get_by_test_id("data-encoder-status-error").click()
    labels = [
        "Use my browser setting",
        "Codec Server browser endpoint",
        "Include cross-origin credentials",
    ]
    assert all(label in text for label in labels)
    own, endpoint = (page.get_by_label(label) for label in labels[:2])
    await own.check(force=True)
    await endpoint.fill(next(line for line in text.split() if line.startswith("http://")))
    await page.get_by_text(labels[2]).click()
    await picture(page, "codec-settings")
    await page.get_by_role("button", name="Apply").click()


async def test_an_operator_sees_names_and_progress_once_the_codec_knows_them_and_nobody_else_does(
    ui: Page, codec_url: str, sample_execution: SampleExecution, sessions: sessionmaker[Session]
) -> None:
    def inside(part: str, text: str) -> Locator:
        return ui.frame_locator(f"#user-metadata-{part}").get_by_text(text).first

    await ui.goto(sample_execution.url)
    await expect(ui.get_by_test_id("data-encoder-status-error")).to_be_visible(timeout=SHOWN_MS)
    await expect(ui.get_by_text("call_http").first).to_be_visible(timeout=SHOWN_MS)
    ciphertext = await picture(ui, "sealed-timeline")
    run_url = ui.url.rsplit("/", 1)[0]
    await ui.goto(f"{run_url}/user-metadata")
    await expect(
        inside("summary", f"Execution of workflow {sample_execution.workflow_id}")
    ).to_be_visible(timeout=SHOWN_MS)
    ciphertext += await picture(ui, "sealed-metadata")
    assert sample_execution.word not in ciphertext
    assert disclosures(sessions, sample_execution) == 0

    await log_in(ui, codec_url, sample_execution.url)
    await ui.goto(f"{run_url}/timeline")
    for step in ("ask", "nap", "doze"):
        await expect(ui.get_by_text(f"{step}-{sample_execution.word}").first).to_be_visible(
            timeout=SHOWN_MS
        )
    await picture(ui, "open-timeline")
    await ui.goto(f"{run_url}/user-metadata")
    for place in (
        f"/do/2/both-{sample_execution.word}/fork/branches/0/nap-{sample_execution.word}",
        f"order-{sample_execution.word}",
    ):
        await expect(inside("current-details", place)).to_be_visible(timeout=SHOWN_MS)
    await picture(ui, "open-metadata")
    assert disclosures(sessions, sample_execution) > 0


def disclosures(sessions: sessionmaker[Session], sample_execution: SampleExecution) -> int:
    """Return how often the account's trail says that an operator has looked."""
    owner = (
        select(Definition.account_id)
        .where(Definition.id == UUID(sample_execution.workflow_id))
        .scalar_subquery()
    )
    query = select(func.count()).where(
        AuditEvent.kind == EVENT_KIND, AuditEvent.account_id == owner
    )
    with sessions() as session:
        return session.scalar(query) or 0
