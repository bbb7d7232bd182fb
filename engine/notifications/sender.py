"""Sending one notice: what is said to a push service or a webhook, and how the answer is taken."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from engine.config.settings import Settings
from engine.contracts import timestamps
from engine.crypto.keyring import Keyring
from engine.egress.guard import Egress, EgressError, EgressRequest
from engine.errors import InvalidError
from engine.notifications import endpoint_policy, retry_policy, web_push, webhook
from engine.notifications.deliveries import Delivery
from engine.notifications.retry_policy import Outcome
from engine.notifications.vapid import Signers
from engine.store.accounts import Channel

SECONDS_MAX = 10.0  # of a delivery as a whole
KEPT_SECONDS = 7 * 86_400  # by a push service, for a browser that is off
# A newer message of a topic replaces one that still waits (RFC 8030 section 5.4). Some services decode it
# as base64url, in which a fifth character could not stand alone.
TOPICS = {"changed": "sync", "test": "test"}


@dataclass(frozen=True, slots=True)
class Courier:
    """What sending needs: a way out, and keys."""

    egress: Egress
    ring: Keyring
    signers: Signers

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys, and open the way out.

        :raises SettingsError: when CHANNEL_KEYS is missing, or a key is malformed.
        """
        return cls(
            Egress(allow=settings.egress_allow, heads_only=True),
            Keyring(settings.secrets("channel_keys")),
            Signers.from_settings(settings),
        )

    async def send(self, delivery: Delivery, *, now: datetime) -> Outcome:
        """Send a notice once, follow no redirect, read no body; return how it ended."""
        channel = delivery.channel
        if not endpoint_policy.usable(channel.endpoint, self.egress):
            return Outcome("not_allowed")
        try:
            answer = await self.egress.send(self._outgoing(delivery, now))
        except EgressError as fault:
            return Outcome(fault.code)
        except InvalidError as fault:
            return Outcome(fault.code)
        return retry_policy.judge(channel.kind, answer, now=now)

    def _outgoing(self, delivery: Delivery, now: datetime) -> EgressRequest:
        write = self._push if delivery.channel.kind == "webPush" else self._webhook
        headers, body = write(delivery, now)
        return EgressRequest(
            "POST", delivery.channel.endpoint, headers, {}, body, seconds=SECONDS_MAX
        )

    def _push(self, delivery: Delivery, now: datetime) -> tuple[dict[str, str], bytes]:
        channel, notice = delivery.channel, delivery.notice
        said: dict[str, Any] = {"test": str(delivery.test_id)} if notice is None else notice.told()
        body = web_push.encrypt(
            json.dumps(said).encode(),
            public_key=web_push.decoded(channel.public_key or ""),
            auth=self.ring.unwrap(channel.secret, channel.id),
        )
        headers = {
            "Authorization": self.signers.authorization(
                channel.key_id or "", channel.endpoint, now=now
            ),
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "TTL": str(KEPT_SECONDS),
            "Topic": TOPICS["test" if notice is None else "changed"],
            "Urgency": "normal",
        }
        return headers, body

    def _webhook(self, delivery: Delivery, now: datetime) -> tuple[dict[str, str], bytes]:
        message_id, said = _message(delivery)
        body = json.dumps(said, separators=(",", ":")).encode()
        channel = delivery.channel
        keys = [self.ring.unwrap(secret, channel.id) for secret in _signing(channel, now)]
        headers = {"Content-Type": "application/json", "User-Agent": "cloudapi"}
        return headers | webhook.headers(message_id, body, keys=keys, now=now), body


def _message(delivery: Delivery) -> tuple[str, dict[str, Any]]:
    """Return a webhook's id and body: the same for each try, as long as nothing newer is to be told."""
    channel, notice = delivery.channel, delivery.notice
    data = {"accountId": str(channel.account_id), "agentId": channel.agent_id}
    if notice is None:
        asked = timestamps.text(timestamps.of(channel.tested_at or channel.created_at))
        message_id = f"msg_{delivery.test_id and delivery.test_id.hex}"
        return message_id, {"type": "channel.test", "timestamp": asked, "data": data}
    told = notice.told()
    message_id = f"msg_{channel.id.hex}_{notice.head}"
    return message_id, {"type": "sync.changed", "timestamp": told["head"], "data": data | told}


def _signing(channel: Channel, now: datetime) -> list[str]:
    """Return the secrets that sign, the current one first."""
    before, until = channel.secret_before, channel.secret_before_until
    return [channel.secret, before] if before and until and now < until else [channel.secret]
