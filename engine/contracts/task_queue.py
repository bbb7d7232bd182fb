"""Task queues of Temporal, and the failure of an activity whose account uses its share.

A failure of type CROWDED means that the activity did nothing. Its only detail is the seconds after
which the workflow shall run the activity again.
"""

from __future__ import annotations

TASK_QUEUE = "engine"  # executions, schedules, and their calls
READING_QUEUE = "readings"  # checks of definitions, previews, readings of outcomes
CROWDED = "crowded"
