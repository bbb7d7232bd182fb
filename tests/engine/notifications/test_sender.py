"""Sender of notices: what an endpoint receives, what is refused, and what answers mean."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import WebhookVerificationError
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.contracts import timestamps
from engine.crypto.keyring import Keyring
from engine.egress.guard import Egress
from engine.notifications import vapid, web_push, webhook_signature
from engine.notifications.deliveries import ChannelDelivery
from engine.notifications.retry_policy import DeliveryOutcome
from engine.notifications.sender import NotificationSender
from engine.notifications.vapid import VapidSigner
from engine.store.accounts import Channel
from engine.sync.notifications import ChangeNotification
from tests.support.channels import Add
from tests.support.receivers import Browser, Delivery, Receiver, verify_webhook

pytestmark = pytest.mark.stack


HEAD = timestamps.from_datetime(datetime(2026, 1, 2, tzinfo=UTC))
NOTICE = ChangeNotification(HEAD, ["agent", "settings"])
TOLD = NOTICE.to_json()


def make_sender(settings: Settings, ring: Keyring, **options: Any) -> NotificationSender:
    signer = VapidSigner(VapidSigner.from_settings(settings).keys, "mailto:operator@example.org")
    return NotificationSender(Egress(heads_only=True, **options), ring, signer)


@pytest.fixture
def to_receiver(settings: Settings, ring: Keyring, receiver: Receiver) -> NotificationSender:
    return make_sender(settings, ring, allow=receiver.host)


def delivery(
    channel: Channel, notice: ChangeNotification | None = NOTICE, test_id: UUID | None = None
) -> ChannelDelivery:
    return ChannelDelivery(channel, datetime.now(UTC), notice, test_id)


async def send(sender: NotificationSender, made: ChannelDelivery) -> DeliveryOutcome:
    return await sender.send(made, now=datetime.now(UTC))


async def test_a_webhook_says_who_and_how_far_under_an_id_that_stays(
    add: Add, receiver: Receiver, to_receiver: NotificationSender
) -> None:
    box = receiver.box()
    channel = add(endpoint=box.url)
    for _ in range(2):
        assert await send(to_receiver, delivery(channel)) == DeliveryOutcome()
    first, second = box.next(), box.next()
    data = {"accountId": str(channel.account_id), "agentId": "phone"} | TOLD
    for received in (first, second):
        told = verify_webhook(received, webhook_signature.encode_secret(b"k" * 32))
        assert told == {"type": "sync.changed", "timestamp": TOLD["head"], "data": data}
        assert received.headers["webhook-id"] == f"msg_{channel.id.hex}_{HEAD}"
    assert first.body == second.body


async def test_for_a_day_after_a_rotation_both_secrets_verify(
    add: Add, receiver: Receiver, to_receiver: NotificationSender, ring: Keyring
) -> None:
    box, now = receiver.box(), datetime.now(UTC)
    channel = add(endpoint=box.url)
    channel.secret_before = ring.wrap(b"b" * 32, channel.id)
    channel.secret_before_until = now + timedelta(minutes=1)
    await send(to_receiver, delivery(channel))
    received = box.next()
    for secret in (b"k" * 32, b"b" * 32):
        assert (
            verify_webhook(received, webhook_signature.encode_secret(secret))["type"]
            == "sync.changed"
        )
    channel.secret_before_until = now - timedelta(minutes=1)
    await send(to_receiver, delivery(channel))
    with pytest.raises(WebhookVerificationError):
        verify_webhook(box.next(), webhook_signature.encode_secret(b"b" * 32))


def subscribed(channel: Channel, browser: Browser, ring: Keyring, key_id: str) -> Channel:
    keys = browser.subscription(channel.endpoint)["keys"]
    channel.kind, channel.key_id, channel.public_key = "webPush", key_id, keys["p256dh"]
    channel.secret = ring.wrap(web_push.decode_base64url(keys["auth"]), channel.id)
    return channel


async def test_a_push_is_read_by_its_browser_and_comes_from_us(
    add: Add, receiver: Receiver, to_receiver: NotificationSender, settings: Settings, ring: Keyring
) -> None:
    box, browser = receiver.box(), Browser()
    ((kid, server_key),) = vapid.public_keys(settings).items()
    channel = subscribed(add(endpoint=box.url), browser, ring, kid)
    assert await send(to_receiver, delivery(channel)) == DeliveryOutcome()
    origin = f"http://{receiver.host}"
    assert browser.read(box.next(), origin=origin, server_key=server_key) == TOLD
    test_id = uuid7()
    await send(to_receiver, delivery(channel, None, test_id))
    assert browser.read(box.next(), origin=origin, server_key=server_key) == {"test": str(test_id)}


async def test_a_subscription_to_a_key_that_is_no_more_is_not_pretended_to(
    add: Add, receiver: Receiver, to_receiver: NotificationSender, ring: Keyring
) -> None:
    box = receiver.box()
    channel = subscribed(add(endpoint=box.url), Browser(), ring, "retired")
    assert await send(to_receiver, delivery(channel)) == DeliveryOutcome("push_key_retired")
    assert box.rest() == []


def answering(status: int, **headers: str) -> Any:
    def answer(_received: Delivery) -> tuple[int, dict[str, str]]:
        return status, headers

    return answer


async def test_a_redirect_is_not_followed(
    add: Add, receiver: Receiver, to_receiver: NotificationSender
) -> None:
    box, elsewhere = receiver.box(), receiver.box()
    box.answer = answering(307, Location=elsewhere.url)
    assert await send(to_receiver, delivery(add(endpoint=box.url))) == DeliveryOutcome("http_307")
    assert elsewhere.rest() == []


async def test_a_body_without_end_is_not_waited_for(
    add: Add, receiver: Receiver, to_receiver: NotificationSender
) -> None:
    box = receiver.box()
    headers = {"Content-Length": str(2**40)}
    box.answer = lambda _received: (200, headers)
    assert await send(to_receiver, delivery(add(endpoint=box.url))) == DeliveryOutcome()


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "http://hooks.example.org/",
        "https://hooks.example.org:6379/",
    ],
)
async def test_an_address_that_may_not_be_registered_is_not_sent_to_either(
    add: Add, settings: Settings, ring: Keyring, endpoint: str
) -> None:
    assert await send(
        make_sender(settings, ring), delivery(add(endpoint=endpoint))
    ) == DeliveryOutcome("not_allowed")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "fd00:ec2::254"]
)
async def test_a_name_that_leads_inside_is_not_sent_to(
    add: Add, settings: Settings, ring: Keyring, address: str
) -> None:
    async def inside(_host: str, port: int) -> Sequence[tuple[str, int]]:
        return [(address, port)]

    sender = make_sender(settings, ring, resolver=inside)
    made = delivery(add(endpoint="https://inside.example.org/"))
    assert await send(sender, made) == DeliveryOutcome("not_allowed")


async def test_nobody_there_is_unreachable(add: Add, settings: Settings, ring: Keyring) -> None:
    sender = make_sender(settings, ring, allow="127.0.0.1:9")
    assert await send(sender, delivery(add(endpoint="http://127.0.0.1:9/"))) == DeliveryOutcome(
        "unreachable"
    )
