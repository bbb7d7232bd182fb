"""What the Temporal UI calls a workflow: by ids alone, for these texts are not always sealed."""

from __future__ import annotations

from engine.contracts import executions, schedules

TOLD = {
    executions.EXECUTION: "Execution of workflow",
    executions.DEFINITION_CHECK: "Check of workflow",
    executions.SCHEDULE: "Schedule of workflow",
    schedules.FIRING: "Firing of a schedule of workflow",
}


def summary(kind: str, definition_id: str) -> str:
    """Return one line for a workflow of this type."""
    return f"{TOLD[kind]} {definition_id}"


def details(workflow_id: str, account_id: str, definition_id: str) -> str:
    """Return, as Markdown, the ids that a support case begins with and where the API tells more."""
    lines = [f"- account `{account_id}`", f"- workflow `/api/workflows/{definition_id}`"]
    execution_id = executions.executed_by(workflow_id)
    if execution_id is not None:
        lines.append(f"- execution `/api/executions/{execution_id}`")
    return "\n".join(lines)
