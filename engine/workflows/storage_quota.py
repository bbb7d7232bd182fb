"""Quota of what an account stores, judged before a workflow, an execution or an event is stored.

Each counts ROW_BYTES and its texts, as the triggers of the migration do.
"""

from __future__ import annotations

from engine.store import usage
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.sync import quota
from engine.sync.stored_bytes import ROW_BYTES


def require_room(scope: AccountScope, growth: int, *, rows: int = 1, quota_bytes: int) -> None:
    """Return when the account may store rows with `growth` bytes of texts.

    The lock on the account's row keeps the answer true until the commit.

    :raises ForbiddenError: `quota_exceeded`.
    """
    scope.session.get_one(Account, scope.account_id, with_for_update={"key_share": True})
    check_room(scope, growth, rows=rows, quota_bytes=quota_bytes)


def check_room(scope: AccountScope, growth: int, *, rows: int = 1, quota_bytes: int) -> None:
    """Do the same as `require_room` for a caller that has locked the account's row.

    :raises ForbiddenError: `quota_exceeded`.
    """
    total = usage.measure_account(scope.session, scope.account_id)
    if total + growth + rows * ROW_BYTES > quota_bytes:
        raise quota.refusal(total, quota_bytes)
