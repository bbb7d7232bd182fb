"""Delivery of a request's outbox message to Temporal: at once if it answers, else by the relay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from flask import current_app

from engine.contracts.outbox_messages import ExecutionLaunch, TemporalMessage, VersionCheck
from engine.errors import UnavailableError
from engine.store.account_scope import AccountScope
from engine.workflows import temporal_delivery
from web.temporal_client import Temporal

log = structlog.get_logger()


def commit_and_deliver(
    scope: AccountScope, message: TemporalMessage, *, wait: float = 0.0
) -> dict[str, Any] | None:
    """Commit the request's transaction, then deliver one of its outbox messages to Temporal.

    When Temporal is away or does not know the workflow yet, the message stays for the relay. Return
    the answer of a workflow that the message starts, if it comes within `wait` seconds.
    """
    client = temporal()
    call = temporal_delivery.prepare(
        scope.session, message, current_app.extensions["settings"], reply_key=client.reply_key
    )
    scope.session.commit()
    if call is None:
        return None
    try:
        delivery = client.deliver(call, wait=wait)
    except UnavailableError:
        delivery = None
    if delivery is None or not delivery.is_done:
        log.info("left_to_relay", kind=message.kind, subject=message.subject)
        return None
    if not isinstance(message, ExecutionLaunch | VersionCheck):  # these workflows delete their own
        temporal_delivery.confirm(scope.session, call, now=datetime.now(UTC))
        scope.session.commit()
    return delivery.reply


def commit_and_join(
    scope: AccountScope, execution_id: UUID, *, wait: float
) -> dict[str, Any] | None:
    """Commit, then return the outcome of an earlier execution if it ends within `wait` seconds."""
    scope.session.commit()
    try:
        return temporal().join(execution_id, scope.account_id, wait=wait)
    except UnavailableError:
        return None


def temporal() -> Temporal:
    """Return the app's connection to Temporal."""
    client: Temporal = current_app.extensions["temporal"]
    return client
