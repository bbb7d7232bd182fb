"""Sender of notices to push services and webhooks."""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from engine.config.settings import Settings
from engine.contracts import timestamps
from engine.crypto.keyring import Keyring
from engine.egress.guard import Egress, EgressError, EgressRequest
from engine.egress.resolver import NameResolver
from engine.errors import InvalidError
from engine.notifications import endpoint_policy, retry_policy, web_push, webhook_signature
from engine.notifications.deliveries import ChannelDelivery
from engine.notifications.retry_policy import DeliveryOutcome
from engine.notifications.vapid import VapidSigner
from engine.store.accounts import Channel

SECONDS_MAX = 10.0  # of a whole delivery
TTL_SECONDS = 7 * 86_400  # for which a push service stores a message for a browser that is off
# A newer message replaces a waiting one of the same topic (RFC 8030 section 5.4). Some services
# decode topics as base64url, so a topic has a length that base64url can have.
TOPICS = {"changed": "sync", "test": "test"}
# Account of the delivery that the running task makes, for its share of name resolutions.
_ACCOUNT: ContextVar[str] = ContextVar("account", default="")


@dataclass(frozen=True, slots=True)
class NotificationSender:
    """Client of push services and webhooks: guarded egress, keyring and VAPID keys."""

    egress: Egress
    ring: Keyring
    vapid_signer: VapidSigner

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys and create the egress client.

        :raises SettingsError: when CHANNEL_KEYS is missing, or a key is malformed.
        """
        return cls(
            Egress(
                allow=settings.egress_allow,
                heads_only=True,
                resolver=NameResolver(account=_ACCOUNT.get),
            ),
            Keyring(settings.secrets("channel_keys")),
            VapidSigner.from_settings(settings),
        )

    async def send(self, delivery: ChannelDelivery, *, now: datetime) -> DeliveryOutcome:
        """Send a notice once, without following redirects or reading the answer's body."""
        channel = delivery.channel
        _ACCOUNT.set(str(channel.account_id))
        if not endpoint_policy.is_allowed(channel.endpoint, self.egress):
            return DeliveryOutcome("not_allowed")
        try:
            answer = await self.egress.send(self._build_request(delivery, now))
        except (EgressError, InvalidError) as fault:
            return DeliveryOutcome(fault.code)
        return retry_policy.classify_answer(channel.kind, answer, now=now)

    def _build_request(self, delivery: ChannelDelivery, now: datetime) -> EgressRequest:
        if delivery.channel.kind == "webPush":
            headers, body = self._build_push_message(delivery, now)
        else:
            headers, body = self._build_webhook(delivery, now)
        return EgressRequest(
            "POST", delivery.channel.endpoint, headers, {}, body, seconds=SECONDS_MAX
        )

    def _build_push_message(
        self, delivery: ChannelDelivery, now: datetime
    ) -> tuple[dict[str, str], bytes]:
        channel, notice = delivery.channel, delivery.notice
        message: dict[str, Any] = (
            {"test": str(delivery.test_id)} if notice is None else notice.to_json()
        )
        body = web_push.encrypt(
            json.dumps(message).encode(),
            public_key=web_push.decode_base64url(channel.public_key or ""),
            auth=self.ring.unwrap(channel.secret, channel.id),
        )
        headers = {
            "Authorization": self.vapid_signer.authorization(
                channel.key_id or "", channel.endpoint, now=now
            ),
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "TTL": str(TTL_SECONDS),
            "Topic": TOPICS["test" if notice is None else "changed"],
            "Urgency": "normal",
        }
        return headers, body

    def _build_webhook(
        self, delivery: ChannelDelivery, now: datetime
    ) -> tuple[dict[str, str], bytes]:
        message_id, message = _webhook_message(delivery)
        body = json.dumps(message, separators=(",", ":")).encode()
        channel = delivery.channel
        keys = [self.ring.unwrap(secret, channel.id) for secret in _signing_secrets(channel, now)]
        headers = {"Content-Type": "application/json", "User-Agent": "cloudapi"}
        return headers | webhook_signature.sign(message_id, body, keys=keys, now=now), body


def _webhook_message(delivery: ChannelDelivery) -> tuple[str, dict[str, Any]]:
    """Return a webhook's id and body; all tries have the same until a newer change arrives."""
    channel, notice = delivery.channel, delivery.notice
    data = {"accountId": str(channel.account_id), "agentId": channel.agent_id}
    if notice is None:
        tested_at = timestamps.to_text(
            timestamps.from_datetime(channel.tested_at or channel.created_at)
        )
        message_id = f"msg_{delivery.test_id and delivery.test_id.hex}"
        return message_id, {"type": "channel.test", "timestamp": tested_at, "data": data}
    members = notice.to_json()
    message_id = f"msg_{channel.id.hex}_{notice.head}"
    message = {"type": "sync.changed", "timestamp": members["head"], "data": data | members}
    return message_id, message


def _signing_secrets(channel: Channel, now: datetime) -> list[str]:
    """Return the wrapped secrets that sign now, the current one first."""
    previous, until = channel.secret_before, channel.secret_before_until
    if previous and until and now < until:
        return [channel.secret, previous]
    return [channel.secret]
