"""The relay's one connection to Temporal, which all that it carries there shares."""

from __future__ import annotations

from temporalio.client import Client

from engine.config.settings import Settings
from engine.temporal import client as temporal


class Door:
    """Connects when first asked; the client itself then outlives the server's restarts. It holds no keys."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Client | None = None

    async def client(self) -> Client:
        """Return the client.

        :raises RuntimeError: when the server cannot be reached.
        """
        if self._client is None:
            self._client = await temporal.connect(self._settings, keyed=False)
        return self._client
