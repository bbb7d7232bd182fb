"""Search attributes by which workflows and schedules are found in Temporal: ids alone."""

from __future__ import annotations

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

ACCOUNT = SearchAttributeKey.for_keyword("account")
DEFINITION = SearchAttributeKey.for_keyword("definition")


def of_account(account_id: str) -> TypedSearchAttributes:
    """Return the attributes of what belongs to an account."""
    return TypedSearchAttributes([SearchAttributePair(ACCOUNT, account_id)])


def of_definition(account_id: str, definition_id: str) -> TypedSearchAttributes:
    """Return the attributes of what belongs to a definition of an account."""
    return TypedSearchAttributes(
        [SearchAttributePair(ACCOUNT, account_id), SearchAttributePair(DEFINITION, definition_id)]
    )
