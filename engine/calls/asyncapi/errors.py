"""Errors of message brokers."""

from __future__ import annotations


class BrokerError(Exception):
    """Refusal of a broker."""


class BrokerAuthenticationError(BrokerError):
    """Refusal of the credentials by a broker."""


class BrokerNotFoundError(BrokerError):
    """Lack of the queue or exchange that a request names."""
