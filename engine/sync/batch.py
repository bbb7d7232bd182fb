"""Writing states: the clock alone decides, and what is refused as concurrent is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from engine.errors import ConflictError, EngineError, Fault, InvalidError, TooLargeError
from engine.sync.change import Change
from engine.sync.change_log import RacedError
from engine.sync.limits import Limits
from engine.sync.push import Push, Writing


def push(
    session: Session,
    *,
    account_id: UUID,
    agent_id: str,
    change: Change,
    now: datetime,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Push:
    """Accept a change that dominates the current version; refuse any other, keeping what is concurrent.

    The caller commits in either case: a refusal may have kept a sibling.

    :raises TooLargeError: when the data is larger than a state may be.
    :raises InvalidError: `clock_jump`; `clock_without_agent`, when clocks must count their own agent.
    :raises ForbiddenError: `quota_exceeded`.
    """
    (pushed,) = push_all(
        session, account_id=account_id, agent_id=agent_id, changes=[change], now=now, limits=limits
    )
    if pushed.refusal is not None and not isinstance(pushed.refusal, ConflictError):
        raise pushed.refusal
    return pushed


def push_all(
    session: Session,
    *,
    account_id: UUID,
    agent_id: str,
    changes: Sequence[Change],
    now: datetime,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> list[Push]:
    """Push some changes in their order, each judged after the ones before it; return how each ended.

    The caller commits, or, to have all of them or none, rolls back when one is refused. It comes with a
    session in which nothing waits to be committed: losing a race for an entity's first version rolls back,
    and all is judged anew.
    """
    unfit = [_unfit(change, agent_id, limits) for change in changes]
    while True:
        writing = Writing(session, account_id, agent_id, now, limits)
        try:
            return _written(writing, changes, unfit)
        except RacedError:  # somebody else got on meanwhile: so this ends
            session.rollback()


def _written(
    writing: Writing, changes: Sequence[Change], unfit: Sequence[EngineError | None]
) -> list[Push]:
    fit = [change for change, refusal in zip(changes, unfit, strict=True) if refusal is None]
    if fit:
        writing.begin(fit)
    verdicts = [
        refusal or writing.decide(change) for change, refusal in zip(changes, unfit, strict=True)
    ]
    writing.end()
    return [
        writing.told(change, verdict) for change, verdict in zip(changes, verdicts, strict=True)
    ]


def _unfit(change: Change, agent_id: str, limits: Limits) -> EngineError | None:
    """Return why a change is refused whatever its entity's state."""
    if change.size > limits.state_bytes_max:
        return TooLargeError("state_too_large", f"A state may have {limits.state_bytes_max} bytes.")
    if limits.strict_clocks and agent_id not in change.clock:
        faults = [Fault("/vectorClock", "must have an entry for the pushing agent")]
        return InvalidError(
            "clock_without_agent", "The clock does not count its own agent.", faults=faults
        )
    return None
