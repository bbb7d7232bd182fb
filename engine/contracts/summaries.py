"""Summaries and details of workflows in the Temporal UI; not always encrypted, so ids alone."""

from __future__ import annotations

from engine.contracts.definitions import DEFINITION_CHECK
from engine.contracts.executions import EXECUTION
from engine.contracts.schedules import FIRING, SCHEDULE
from engine.contracts.workflow_ids import parse_execution

SUMMARIES = {
    EXECUTION: "Execution of workflow",
    DEFINITION_CHECK: "Check of workflow",
    SCHEDULE: "Schedule of workflow",
    FIRING: "Firing of a schedule of workflow",
}


def summary(kind: str, definition_id: str) -> str:
    """Return one line for a workflow of this type."""
    return f"{SUMMARIES[kind]} {definition_id}"


def details(workflow_id: str, account_id: str, definition_id: str) -> str:
    """Return, as Markdown, the ids that a support case begins with, and their places in the API."""
    lines = [f"- account `{account_id}`", f"- workflow `/api/workflows/{definition_id}`"]
    execution_id = parse_execution(workflow_id)
    if execution_id is not None:
        lines.append(f"- execution `/api/executions/{execution_id}`")
    return "\n".join(lines)
