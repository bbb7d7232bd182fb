"""Constructs of the language that this engine does not run, and why."""

from __future__ import annotations

from engine.language.document_node import DocumentNode

_REASON = "is not run here: workers are shared between accounts, and nothing confines"

# By construct. The fault in a definition and the support table show the reason.
REASONS = {
    "run.container": f"a container {_REASON} a stranger's image;"
    " call a service of your own instead",
    "run.script": f"a script {_REASON} a stranger's code; expressions (jq) shape data",
    "run.shell": f"a shell command {_REASON} a stranger's process;"
    " call a service of your own instead",
    "call.mcp.stdio": f"an MCP server over standard input and output {_REASON} a stranger's"
    " process; reach one over http",
    "call.asyncapi.protocol": "this protocol is not spoken here: http, redis, mqtt (3.1.1) and"
    " amqp (0.9.1) are, each tried against a server of its kind",
}


def refuse(node: DocumentNode, construct: str) -> None:
    """Add the fault of a construct that this engine does not run."""
    node.add_fault(REASONS[construct])
