"""Channels of an account's agents: seen, paused, revived, tested, and given new secrets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.crypto.keyring import Keyring
from engine.errors import ConflictError, NotFoundError
from engine.notifications import webhook
from engine.store.accounts import Channel

GRACE = timedelta(hours=24)  # for which the last secret goes on to sign beside a new one
TEST_EVERY = timedelta(seconds=10)


def browse(session: Session, *, account_id: UUID) -> Sequence[Channel]:
    """Return the account's channels, oldest first."""
    query = select(Channel).where(Channel.account_id == account_id)
    return session.scalars(query.order_by(Channel.id)).all()


def find(session: Session, *, account_id: UUID, channel_id: UUID, lock: bool = False) -> Channel:
    """Return one of the account's channels, locked when it is to be changed.

    :raises NotFoundError: when it has none with this id.
    """
    query = select(Channel).where(Channel.account_id == account_id, Channel.id == channel_id)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFoundError("channel_unknown", "There is no such channel.")
    return found


def pause(channel: Channel) -> None:
    """Tell nothing any more until it is resumed; what is on its way may still arrive."""
    channel.state, channel.test_id = "paused", None
    channel.next_try_at = channel.queued_until = channel.leased_until = None


def resume(channel: Channel, *, now: datetime) -> None:
    """Begin anew with a channel that was paused, failing or dead: what it has missed is told at once."""
    if channel.state != "active":
        channel.state, channel.failures, channel.last_error = "active", 0, None
        channel.next_try_at = now


def rotate(channel: Channel, ring: Keyring, *, now: datetime) -> str:
    """Draw a new secret and return it; for GRACE the last one signs too.

    :raises ConflictError: `secret_none`, when what it has is the browser's own.
    """
    if channel.kind != "webhook":
        raise ConflictError("secret_none", "A subscription's keys are drawn by its browser.")
    secret = webhook.draw()
    channel.secret_before, channel.secret_before_until = channel.secret, now + GRACE
    channel.secret = ring.wrap(secret, channel.id)
    return webhook.shown(secret)


def test(channel: Channel, *, now: datetime) -> None:
    """Owe the channel a test notice, now.

    :raises ConflictError: `channel_silent`, when it is paused or dead; `channel_tested`, a moment ago.
    """
    if channel.state in {"paused", "dead"}:
        raise ConflictError(
            "channel_silent", f"The channel is {channel.state}: make it active first."
        )
    if channel.tested_at is not None and now - channel.tested_at < TEST_EVERY:
        detail = f"A channel is tested at most every {TEST_EVERY.seconds} seconds."
        raise ConflictError("channel_tested", detail)
    channel.test_id, channel.tested_at, channel.next_try_at = uuid7(), now, now


def rewrap(session: Session, ring: Keyring) -> int:
    """Wrap every secret under the ring's current key; return how many channels had one under another."""
    rows = session.scalars(select(Channel)).all()
    old = [
        row
        for row in rows
        if not all(map(ring.is_current, filter(None, (row.secret, row.secret_before))))
    ]
    for row in old:
        row.secret = ring.wrap(ring.unwrap(row.secret, row.id), row.id)
        if row.secret_before is not None:
            row.secret_before = ring.wrap(ring.unwrap(row.secret_before, row.id), row.id)
    return len(old)
