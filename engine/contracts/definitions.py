"""Check of a definition's version: workflow type, activity and argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.contracts.commands import Command

DEFINITION_CHECK = "definition.check"  # workflow type; its id is a CheckWorkflowId
# Local activity: DefinitionCheck → the triggers that workflows of their own await (after, on).
CHECK_DEFINITION = "check_definition"


@dataclass(frozen=True, slots=True)
class DefinitionCheck(Command):
    """Argument of a check: ids only."""

    command: ClassVar[str] = DEFINITION_CHECK
    definition_id: str
    account_id: str
    version: int = 1
    is_defective: bool = False  # whether the engine has failed at it: then that is its fault
