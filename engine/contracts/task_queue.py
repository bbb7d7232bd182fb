"""Task queue on which all workflows and activities run."""

from __future__ import annotations

TASK_QUEUE = "engine"
