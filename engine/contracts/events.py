"""Events to and from workflows: the signal that delivers them, and the activity that publishes."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contracts.json_value import Json

EVENT = "event"  # signal of executions and triggers: CloudEvents, oldest first
PUBLISH_EVENTS = "publish_events"  # local activity: Publication → None


@dataclass(frozen=True, slots=True)
class Publication:
    """Events that an execution publishes."""

    account_id: str
    execution_id: str
    events: list[dict[str, Json]]  # key, event, lifecycle (whether it is a lifecycle event)
