"""Interceptor that gives each account its share of a worker's activities.

An activity whose account uses its share ends at once, before it does anything. The workflow runs it
again later, and waits without a place meanwhile.
"""

from __future__ import annotations

from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from engine.contracts.task_queue import CROWDED
from engine.expressions.sandbox.account_shares import AccountShares, CrowdedError
from engine.expressions.sandbox.fair_queue import ACCOUNT
from engine.observability import metrics


class ActivityPlaces(Interceptor):
    """Shares of the worker's places for local activities, and of those for the others."""

    def __init__(self, local: AccountShares, remote: AccountShares | None = None) -> None:
        self._shares = {True: local, False: remote or local}

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Return the interceptor of one activity."""
        return _ActivityPlace(next, self._shares)


class _ActivityPlace(ActivityInboundInterceptor):
    def __init__(
        self, following: ActivityInboundInterceptor, shares: dict[bool, AccountShares]
    ) -> None:
        super().__init__(following)
        self._shares = shares

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        account_id = _find_account(input)
        ACCOUNT.set(account_id)  # of the sandbox processes that the activity uses
        if not account_id:
            return await super().execute_activity(input)
        try:
            async with self._shares[activity.info().is_local].hold(account_id):
                return await super().execute_activity(input)
        except CrowdedError as error:
            metrics.TEMPORAL_CROWDED.labels(activity.info().task_queue).inc()
            raise ApplicationError(
                "the account uses its share of the worker",
                error.seconds,
                type=CROWDED,
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,
            ) from None


def _find_account(activity_input: ExecuteActivityInput) -> str:
    """Return the account of an activity: its argument names it, or else its fairness key."""
    account_id = getattr(next(iter(activity_input.args), None), "account_id", None)
    return str(account_id or activity.info().priority.fairness_key or "")
