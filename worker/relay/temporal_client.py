"""The relay's one connection to Temporal, shared by all its parts."""

from __future__ import annotations

from temporalio.client import Client

from engine.config.settings import Settings
from engine.temporal.command_signer import CommandSigner
from engine.temporal.connection import SHORT_RETRY, connect_sender


class TemporalConnection:
    """Connection that is made at first need and outlives restarts of the server.

    It encrypts nothing, and authenticates its commands.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._signer = CommandSigner(settings)
        self._client: Client | None = None

    async def client(self) -> Client:
        """Return the client.

        :raises RuntimeError: when the server cannot be reached.
        """
        if self._client is None:
            self._client = await connect_sender(self._settings, self._signer, retry=SHORT_RETRY)
        return self._client
