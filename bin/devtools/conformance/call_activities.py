"""The activities that call other services, for a worker outside the platform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.activities.asyncapi import AsyncApiActivities
from engine.activities.grpc import GrpcActivities
from engine.activities.http import HttpActivities
from engine.activities.mcp_and_a2a import McpAndA2aActivities
from engine.activities.openapi import OpenApiActivities
from engine.calls.http import HttpCaller
from engine.egress.guard import Egress


def calls(guard: Egress) -> list[Callable[..., Any]]:
    """Return the activities, all behind one guard."""
    http = HttpCaller(guard)
    agents, messages = McpAndA2aActivities(http), AsyncApiActivities(http)
    return [
        *(HttpActivities(http).call, OpenApiActivities(http).compose, agents.mcp, agents.a2a),
        *(GrpcActivities(http).call, messages.publish, messages.consume),
    ]
