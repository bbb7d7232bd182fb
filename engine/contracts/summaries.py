"""Summaries and details of workflows in the Temporal UI: ids alone, as they are not always encrypted."""

from __future__ import annotations

from engine.contracts import executions, schedules
from engine.contracts.workflow_ids import parse_execution

SUMMARIES = {
    executions.EXECUTION: "Execution of workflow",
    executions.DEFINITION_CHECK: "Check of workflow",
    executions.SCHEDULE: "Schedule of workflow",
    schedules.FIRING: "Firing of a schedule of workflow",
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
