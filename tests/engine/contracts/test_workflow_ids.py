"""Workflow ids and outbox subjects: what is written is read back, and nothing else is read."""

from uuid import UUID

import pytest

from engine.contracts import outbox_messages, workflow_ids
from engine.contracts.outbox_messages import KINDS, Message
from engine.contracts.workflow_ids import (
    CheckWorkflowId,
    ExecutionWorkflowId,
    TemporalScheduleId,
    TriggerWorkflowId,
    VersionReference,
    WorkflowId,
)

pytestmark = pytest.mark.unit

ID = UUID("01990f6e-7c1a-7b3e-8f3a-2d9f0c4b6a51")
FIRST, LATER = VersionReference(ID), VersionReference(ID, 12)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ExecutionWorkflowId(ID), f"execution:{ID}"),
        (CheckWorkflowId(FIRST), f"definition:{ID}"),
        (CheckWorkflowId(LATER), f"definition:{ID}:12"),
        (TriggerWorkflowId(FIRST, "after"), f"schedule:{ID}:after"),
        (TriggerWorkflowId(LATER, "on"), f"schedule:{ID}:on:12"),
    ],
)
def test_a_workflow_id_has_one_text(value: WorkflowId, text: str) -> None:
    assert str(value) == text
    assert workflow_ids.parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "execution:",
        f"execution:{ID}x",
        f"execution:{ID}:2",
        f"execution:{str(ID).upper()}",
        f"execution:{ID.hex}",
        f"definition:{ID}:",
        f"definition:{ID}:0",
        f"definition:{ID}:1",
        f"definition:{ID}:02",
        f"schedule:{ID}",
        f"schedule:{ID}:on:1",
        f"read:{ID}",
        str(ID),
    ],
)
def test_any_other_text_is_no_workflow_id(text: str) -> None:
    assert workflow_ids.parse(text) is None


def test_the_schedule_of_a_row_is_no_workflow() -> None:
    text = str(TemporalScheduleId(ID))
    assert TemporalScheduleId.parse(text).schedule_id == ID
    assert workflow_ids.parse(text) is None
    with pytest.raises(ValueError, match="no id of this kind"):
        TemporalScheduleId.parse(f"other:{ID}")


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        (outbox_messages.StateChange(ID, "workflow"), "workflow"),
        (outbox_messages.SecurityNotice(ID, ID), str(ID)),
        (outbox_messages.AccountErasure(ID), str(ID)),
        (outbox_messages.VersionCheck(ID, FIRST), str(ID)),
        (outbox_messages.TriggersEnd(ID, LATER), f"{ID}:12"),
        (outbox_messages.ExecutionLaunch(ID, ID), str(ID)),
        (outbox_messages.ExecutionCancellation(ID, ID), str(ID)),
        (outbox_messages.ExecutionTermination(ID, ID), str(ID)),
        (outbox_messages.ExecutionErasure(ID, ID), str(ID)),
        (outbox_messages.ExecutionPause(ID, ID, 3), f"{ID}:3"),
        (outbox_messages.ScheduleSync(ID, ID), str(ID)),
        (outbox_messages.Backfill(ID, ID, 10, 255), f"{ID.hex}.a.ff"),
        (outbox_messages.BulkWork(ID, ID), str(ID)),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_subject_has_one_text(message: Message, subject: str) -> None:
    assert message.subject == subject
    assert KINDS[message.kind].parse(ID, subject) == message


def test_every_kind_of_message_has_its_own_name() -> None:
    assert len(KINDS) == 13
    assert all(kind == message.kind for kind, message in KINDS.items())
