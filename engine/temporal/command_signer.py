"""Temporal interceptor by which web and the relay authenticate what they send the worker."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    CreateScheduleInput,
    Interceptor,
    OutboundInterceptor,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleHandle,
    ScheduleUpdate,
    ScheduleUpdateInput,
    SignalWorkflowInput,
    StartWorkflowInput,
    UpdateScheduleInput,
    WorkflowHandle,
)
from temporalio.common import RawValue
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.contracts.commands import Command
from engine.contracts.payload_converter import COMMAND, MESSAGE_ID, TYPED_JSON
from engine.crypto.command_mac import CommandMessage
from engine.temporal.command_codec import KEY_ID, MAC


class CommandSigner(Interceptor):
    """Interceptor of a client that does not encrypt: it sends commands and nothing else.

    :raises SettingsError: when the process has no key.
    """

    def __init__(self, settings: Settings) -> None:
        self._kid, self._key = next(iter(settings.secrets("command_keys").items()))

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        """Return the interceptor of the client's calls."""
        return _SigningOutbound(next, self)

    def sign(
        self,
        arguments: Sequence[Any],
        *,
        command: str,
        target: str,
        message_id: UUID | None = None,
    ) -> Payload:
        """Return the one argument of a workflow or a signal, with its MAC.

        `target` is the workflow's id. Each message has an id of its own unless one is named.

        :raises TypeError: when it is no command of this name.
        """
        (argument,) = arguments
        if not isinstance(argument, Command) or argument.command != command:
            raise TypeError(f"{type(argument).__name__} is no argument of {command}")
        payload = TYPED_JSON.to_payload(argument)
        if payload is None:
            raise TypeError(f"{command} has no JSON form")
        id_text = str(message_id or uuid7()).encode()
        message = CommandMessage(
            command=command.encode(),
            target=target.encode(),
            message_id=id_text,
            encoding=payload.metadata["encoding"],
            data=payload.data,
        )
        payload.metadata[COMMAND], payload.metadata[MESSAGE_ID] = command.encode(), id_text
        payload.metadata[KEY_ID] = self._kid.encode()
        payload.metadata[MAC] = message.mac(self._key)
        return payload


class _SigningOutbound(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, signer: CommandSigner) -> None:  # noqa: A002 - the SDK's name
        super().__init__(next)
        self._signer = signer

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002 - same
        payload = self._signer.sign(input.args, command=input.workflow, target=input.id)
        input.args = [RawValue(payload)]
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:  # noqa: A002 - same
        payload = self._signer.sign(input.args, command=input.signal, target=input.id)
        input.args = [RawValue(payload)]
        await super().signal_workflow(input)

    async def create_schedule(self, input: CreateScheduleInput) -> ScheduleHandle:  # noqa: A002 - same
        input.schedule = self._sign_schedule(input.schedule)
        return await super().create_schedule(input)

    async def update_schedule(self, input: UpdateScheduleInput) -> None:  # noqa: A002 - same
        updater = input.updater

        def update(description: ScheduleUpdateInput) -> ScheduleUpdate | None:
            wish = updater(description)
            if not isinstance(wish, ScheduleUpdate):
                raise TypeError("an update of a schedule names the schedule at once")
            wish.schedule = self._sign_schedule(wish.schedule)
            return wish

        input.updater = update
        await super().update_schedule(input)

    def _sign_schedule(self, schedule: Schedule) -> Schedule:
        """Return a schedule whose action has its argument with a MAC.

        Temporal adds the time to the action's workflow id, so the MAC binds the id without it.
        """
        action = schedule.action
        if not isinstance(action, ScheduleActionStartWorkflow):
            raise TypeError("a schedule starts a workflow")
        action = copy.copy(action)
        action.args = [self._signer.sign(action.args, command=action.workflow, target=action.id)]
        wish = copy.copy(schedule)
        wish.action = action
        return wish
