"""Broken rules of sync, each of which the state machine must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import TextClause, bindparam, delete, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from engine.store.sync import SyncHead, SyncSibling
from engine.sync import (
    conflict_rules,
    locked_state,
    pull,
    push,
    push_statement,
    siblings,
    tombstones,
)
from tests.support.sync.machine import ENTITIES, Machine

Break = Callable[[pytest.MonkeyPatch], None]


def change_verdict(verdict: str, otherwise: str | None) -> Break:
    """Replace one verdict of the clock's cases by another."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        def judge(*arguments: Any) -> str | None:
            answer = conflict_rules.judge(*arguments)
            return otherwise if answer == verdict else answer

        patch.setattr(push, "judge", judge)

    return apply


def no_counters(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(conflict_rules, "_judge_counters", lambda *_: None)


def no_siblings_in_the_join(patch: pytest.MonkeyPatch) -> None:
    count = conflict_rules._judge_counters  # noqa: SLF001 - the rule that is broken

    def forgetful(
        agent_id: str, change: Any, entity: locked_state.LockedEntity, counters: Any
    ) -> str | None:
        return count(agent_id, change, replace(entity, siblings=()), counters)

    patch.setattr(conflict_rules, "_judge_counters", forgetful)


def any_write_clears(patch: pytest.MonkeyPatch) -> None:
    def clear(session: Session, rows: Any, _by: Any) -> list[Any]:
        session.execute(delete(SyncSibling).where(SyncSibling.id.in_([one.id for one in rows])))
        return []

    patch.setattr(siblings, "delete_covered", clear)


def nothing_is_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(siblings, "add_sibling", lambda _scope, _change, kept: list(kept))


def stamps_by_the_clock(patch: pytest.MonkeyPatch) -> None:
    clock = bindparam("clock", type_=JSONB())
    statements = {
        first: alter(one, push_statement.NEXT_STAMP, ":tick").bindparams(clock)
        for first, one in push_statement.APPEND.items()
    }
    patch.setattr(push_statement, "APPEND", statements)


def cursor_at_the_head(patch: pytest.MonkeyPatch) -> None:
    read_page = pull.read_page

    def hasty(*arguments: Any, **options: Any) -> pull.StatePage:
        page = read_page(*arguments, **options)
        return replace(page, cursor=page.newest)

    patch.setattr(pull, "read_page", hasty)


def no_locks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(locked_state, "LOCK", alter(locked_state.LOCK, "FOR NO KEY UPDATE", ""))


def first_versions_replace(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(push_statement.APPEND, True, push_statement.APPEND[False])


def no_horizon(patch: pytest.MonkeyPatch) -> None:
    delete_expired = tombstones.delete_expired

    def silent(session: Session, **options: Any) -> int:
        count = delete_expired(session, **options)
        session.execute(update(SyncHead).values(horizon=0))
        return count

    patch.setattr(tombstones, "delete_expired", silent)


def buried_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tombstones, "RETENTION", tombstones.RETENTION / 1_000)


def alter(statement: TextClause, old: str, new: str) -> TextClause:
    """Return a statement with a part of its text replaced."""
    assert old in statement.text
    return text(statement.text.replace(old, new))


BROKEN_RULES: dict[str, Break] = {
    "concurrent is accepted": change_verdict("conflict", None),
    "stale is accepted": change_verdict("stale", None),
    "other content under a used clock is taken for a repeat": change_verdict(
        "clock_reused", "repeat"
    ),
    "a repeat is written again": change_verdict("repeat", None),
    "invented causes are accepted": change_verdict("unknown_causality", None),
    "counters are not looked at": no_counters,
    "the siblings' counters are not looked at": no_siblings_in_the_join,
    "any write clears the siblings": any_write_clears,
    "what is refused is not kept": nothing_is_kept,
    "stamps are the clock's": stamps_by_the_clock,
    "the cursor is the head": cursor_at_the_head,
    "nothing is locked": no_locks,
    "a first version replaces another": first_versions_replace,
    "the horizon stays": no_horizon,
    "tombstones are buried at once": buried_at_once,
}

# A search would rarely reach what these need, so it is played.
STORIES: dict[str, Callable[[Machine], None]] = {
    "the siblings' counters are not looked at": lambda machine: machine.two_under_one_name_write(
        0, ENTITIES[0], is_informed=True
    ),
    "the horizon stays": lambda machine: machine.a_deletion_is_forgotten(
        0, ENTITIES[0], days=200, is_heard=False
    ),
    "tombstones are buried at once": lambda machine: machine.a_deletion_is_forgotten(
        0, ENTITIES[0], days=1, is_heard=True
    ),
}
