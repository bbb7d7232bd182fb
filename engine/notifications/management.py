"""Management of channels: list, pause, resume, test, and rotation of secrets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.crypto.keyring import Keyring
from engine.errors import ConflictError, NotFoundError
from engine.notifications import webhook_signature
from engine.store.account_scope import LISTED_MAX, AccountScope
from engine.store.accounts import Channel

GRACE = timedelta(hours=24)  # for which the previous secret signs beside the new one
TEST_INTERVAL = timedelta(seconds=10)


def list_channels(scope: AccountScope) -> Sequence[Channel]:
    """Return the account's channels, oldest first.

    They are LISTED_MAX at most, and one more where others follow.
    """
    query = select(Channel).where(Channel.account_id == scope.account_id)
    return scope.session.scalars(query.order_by(Channel.id).limit(LISTED_MAX + 1)).all()


def get_channel(scope: AccountScope, channel_id: UUID, *, lock: bool = False) -> Channel:
    """Return one of the account's channels; `lock` locks its row for a change.

    :raises NotFoundError: when the account has no channel with this id.
    """
    query = select(Channel).where(Channel.account_id == scope.account_id, Channel.id == channel_id)
    channel = scope.session.scalars(query.with_for_update() if lock else query).one_or_none()
    if channel is None:
        raise NotFoundError("channel_unknown", "There is no such channel.")
    return channel


def pause(channel: Channel) -> None:
    """Stop deliveries until the channel is resumed; one in progress may still arrive."""
    channel.state, channel.test_id = "paused", None
    channel.next_try_at = channel.queued_until = channel.leased_until = None


def resume(channel: Channel, *, now: datetime) -> None:
    """Activate a channel that is paused, failing or dead, and deliver what it missed at once."""
    if channel.state != "active":
        channel.state, channel.failures, channel.last_error = "active", 0, None
        channel.next_try_at = now


def rotate_secret(channel: Channel, ring: Keyring, *, now: datetime) -> str:
    """Generate a new secret and return it; for GRACE the previous one signs too.

    :raises ConflictError: `secret_none`, when the channel is a browser's subscription.
    """
    if channel.kind != "webhook":
        raise ConflictError("secret_none", "The browser generates the keys of a subscription.")
    secret = webhook_signature.generate_secret()
    channel.secret_before, channel.secret_before_until = channel.secret, now + GRACE
    channel.secret = ring.wrap(secret, channel.id)
    return webhook_signature.encode_secret(secret)


def request_test(channel: Channel, *, now: datetime) -> None:
    """Schedule a test notice to the channel.

    :raises ConflictError: `channel_silent`, when the channel is paused or dead; `channel_tested`,
        when it was tested within TEST_INTERVAL.
    """
    if channel.state in {"paused", "dead"}:
        raise ConflictError(
            "channel_silent", f"The channel is {channel.state}: make it active first."
        )
    if channel.tested_at is not None and now - channel.tested_at < TEST_INTERVAL:
        detail = f"A channel can be tested once in {TEST_INTERVAL.seconds} seconds."
        raise ConflictError("channel_tested", detail)
    channel.test_id, channel.tested_at, channel.next_try_at = uuid7(), now, now


def rewrap(session: Session, ring: Keyring) -> int:
    """Wrap all secrets with the keyring's current key; return how many channels had another."""
    channels = [
        channel
        for channel in session.scalars(select(Channel)).all()
        if not all(map(ring.is_current, filter(None, (channel.secret, channel.secret_before))))
    ]
    for channel in channels:
        channel.secret = ring.wrap(ring.unwrap(channel.secret, channel.id), channel.id)
        if channel.secret_before is not None:
            secret = ring.unwrap(channel.secret_before, channel.id)
            channel.secret_before = ring.wrap(secret, channel.id)
    return len(channels)
