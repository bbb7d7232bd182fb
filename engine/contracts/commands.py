"""Commands: arguments that web and the relay send the worker by way of Temporal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from temporalio.exceptions import ApplicationError

# Type of the failure with which the worker refuses what no key authenticates.
REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Argument of a workflow or a signal from a process that does not encrypt its payloads.

    The worker's payload converter sets both fields of an argument that arrives in plain text.
    """

    command: ClassVar[str]  # the workflow type or the signal that it is for
    message_id: str = ""  # UUIDv7 of the message, under its MAC
    authentic: bool = True  # whether a key of this worker authenticates it

    def without_authority(self) -> Self:
        """Return the argument as one that no activity may act on."""
        return replace(self, authentic=False)


# What a workflow receives of a command that is for another workflow type or signal.
UNFIT = Command(authentic=False)


def refusal() -> ApplicationError:
    """Return the failure that ends a workflow or an activity whose argument is not authentic."""
    return ApplicationError("The argument is not authentic", type=REFUSED, non_retryable=True)
