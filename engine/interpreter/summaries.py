"""What the Temporal UI calls a workflow: by ids alone, for these texts are not always sealed."""

from __future__ import annotations

from engine.interpreter import contracts, dues

TOLD = {
    contracts.EXECUTION: "Execution of workflow",
    contracts.DEFINITION_CHECK: "Check of workflow",
    contracts.SCHEDULE: "Schedule of workflow",
    dues.FIRING: "Firing of a schedule of workflow",
}


def summary(kind: str, definition_id: str) -> str:
    """Return one line for a workflow of this type."""
    return f"{TOLD[kind]} {definition_id}"


def details(workflow_id: str, account_id: str, definition_id: str) -> str:
    """Return, as Markdown, the ids that a support case begins with and where the API tells more."""
    lines = [f"- account `{account_id}`", f"- workflow `/api/workflows/{definition_id}`"]
    execution_id = contracts.executed_by(workflow_id)
    if execution_id is not None:
        lines.append(f"- execution `/api/executions/{execution_id}`")
    return "\n".join(lines)
