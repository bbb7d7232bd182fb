"""Signatures, by the published example and as another implementation verifies them."""

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from engine.notifications import webhook_signature

pytestmark = pytest.mark.unit


# The reference of Standard Webhooks' own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_comes_out_as_published() -> None:
    key = base64.b64decode(SECRET.removeprefix(webhook_signature.PREFIX))
    assert webhook_signature.sign(ID, BODY, keys=[key], now=TIMESTAMP) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_a_body_signed_with_two_keys_is_taken_by_the_holder_of_either_and_no_other() -> None:
    old, new, other = (
        webhook_signature.generate_secret(),
        webhook_signature.generate_secret(),
        webhook_signature.generate_secret(),
    )
    headers = webhook_signature.sign("msg_1", BODY, keys=[new, old], now=datetime.now(UTC))
    for key in (old, new):
        assert Webhook(webhook_signature.encode_secret(key)).verify(BODY, headers) == {
            "test": 2432232314
        }
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_signature.encode_secret(other)).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_signature.encode_secret(new)).verify(BODY + b" ", headers)
