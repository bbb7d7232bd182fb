"""Every activity that calls somebody else's service, for a worker outside the platform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.activities.agents import AgentActivities
from engine.activities.grpc import GrpcActivities
from engine.activities.http import HttpActivities
from engine.activities.messages import MessageActivities
from engine.activities.openapi import OpenApiActivities
from engine.egress.guard import Egress


def calls(guard: Egress) -> list[Callable[..., Any]]:
    """Return the activities, all behind one guard."""
    http = HttpActivities(guard)
    agents, messages = AgentActivities(http), MessageActivities(http)
    return [
        *(http.call, OpenApiActivities(http).compose, agents.mcp, agents.a2a),
        *(GrpcActivities(http).call, messages.publish, messages.consume),
    ]
