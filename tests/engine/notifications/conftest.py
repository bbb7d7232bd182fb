from uuid import UUID

import pytest
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.accounts import agents
from engine.config.settings import Settings
from engine.crypto.keyring import Keyring
from engine.store.account_scope import AgentScope
from engine.store.accounts import Channel
from engine.sync import pull
from engine.sync.change import Change, SyncLimits
from engine.sync.push import push_changes
from tests.support.channels import NOW, Add, Push


@pytest.fixture
def push(session: Session, account_id: UUID) -> Push:
    """Let an agent push something new; return its stamp."""

    def pushed(agent_id: str = "laptop", kind: str = "settings") -> int:
        change = Change(kind, str(uuid7()), "-", "1", {})
        push_changes(AgentScope(session, account_id, NOW, agent_id), [change], SyncLimits())
        return pull.read_head(session, account_id)

    return pushed


@pytest.fixture
def ring(settings: Settings) -> Keyring:
    return Keyring(settings.secrets("channel_keys"))


@pytest.fixture
def add(session: Session, account_id: UUID, ring: Keyring) -> Add:
    """Let an agent have a webhook."""

    def added(
        agent_id: str = "phone", endpoint: str = "https://hooks.example.org/", **values: object
    ) -> Channel:
        agents.record_sighting(AgentScope(session, account_id, NOW, agent_id))
        channel = Channel(
            id=uuid7(),
            account_id=account_id,
            agent_id=agent_id,
            kind="webhook",
            endpoint=endpoint,
            state="active",
            failures=0,
            told_stamp=0,
            created_at=NOW,
        )
        channel.secret = ring.wrap(b"k" * 32, channel.id)
        for name, value in values.items():
            setattr(channel, name, value)
        session.add(channel)
        session.flush()
        return channel

    return added
